"""Forty prompts nobody tuned for: the starter router gets at least 37 of them right."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from router import routing_text, starter_router

PROMPTS: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_name("forty_prompts.yaml").read_text(encoding="utf-8")
)
ROUTER = starter_router()


def test_there_are_four_for_each_category_and_none_is_an_example() -> None:
    assert set(PROMPTS) == set(ROUTER.taxonomy.ids)
    prompts = [prompt for group in PROMPTS.values() for prompt in group]
    assert len(set(prompts)) == 40
    examples = [e for category in ROUTER.taxonomy.categories for e in category.examples]
    similarity = ROUTER.embedder.embed(prompts) @ ROUTER.embedder.embed(examples).T
    nearest = similarity.argmax(axis=1)
    for prompt, index, row in zip(prompts, nearest, similarity, strict=True):
        assert row[index] < 0.9, f"{prompt!r} is nearly the example {examples[index]!r}"
    words = [set(example.lower().split()) for example in examples]
    for prompt in prompts:
        own = set(prompt.lower().split())
        overlap = max(len(own & other) / len(own | other) for other in words)
        assert overlap < 0.6, f"{prompt!r} shares most of its words with an example"


def test_at_least_37_are_classified_right(capsys: pytest.CaptureFixture[str]) -> None:
    ids = ROUTER.taxonomy.ids
    confusion = np.zeros((len(ids), len(ids)), dtype=int)
    wrong = []
    for expected, prompts in PROMPTS.items():
        for prompt in prompts:
            found = ROUTER.classify(routing_text(prompt).text)
            confusion[ids.index(expected), found.category] += 1
            if ids[found.category] != expected:
                wrong.append(f"{expected} -> {ids[found.category]}: {prompt}")
    with capsys.disabled():
        sys.stdout.write("\n" + _table(ids, confusion) + "\n" + "\n".join(wrong) + "\n")
    assert confusion.trace() >= 37, wrong


def _table(ids: tuple[str, ...], confusion: np.ndarray) -> str:
    lines = [f"{'expected / found':>18}" + "".join(f"{id_[:6]:>8}" for id_ in ids)]
    for id_, row in zip(ids, confusion, strict=True):
        lines.append(f"{id_:>18}" + "".join(f"{count or '.':>8}" for count in row))
    return "\n".join(lines)


def test_a_proof_is_mathematics() -> None:
    found = ROUTER.classify("Prove that the square root of 2 is irrational")
    assert ROUTER.taxonomy.ids[found.category] == "math"
