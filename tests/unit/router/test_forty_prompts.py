"""Prompts written by hand, none of them an example of a category.

The taxonomy was widened while the forty and three quarters of the further prompts were known, so
they guard against getting worse; ``docs/router-starter.md`` says what each set scored at first
sight.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from router import routing_text, starter_router

ROUTER = starter_router()
EXAMPLES = [e for category in ROUTER.taxonomy.categories for e in category.examples]


def read(name: str) -> dict[str, list[str]]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    prompts: dict[str, list[str]] = yaml.safe_load(text)
    assert set(prompts) == set(ROUTER.taxonomy.ids)
    return prompts


def classify(prompts: dict[str, list[str]]) -> tuple[np.ndarray, list[str]]:
    """Return the confusion, expected by found, and what was wrong."""
    ids = ROUTER.taxonomy.ids
    confusion = np.zeros((len(ids), len(ids)), dtype=int)
    wrong = []
    for expected, group in prompts.items():
        for prompt in group:
            found = ROUTER.classify(routing_text(prompt).text)
            confusion[ids.index(expected), found.category] += 1
            if ids[found.category] != expected:
                wrong.append(f"{expected} -> {ids[found.category]}: {prompt}")
    return confusion, wrong


def table(confusion: np.ndarray, wrong: list[str]) -> str:
    ids = ROUTER.taxonomy.ids
    lines = [f"{'expected / found':>18}" + "".join(f"{id_[:6]:>8}" for id_ in ids)]
    for id_, row in zip(ids, confusion, strict=True):
        lines.append(f"{id_:>18}" + "".join(f"{count or '.':>8}" for count in row))
    return "\n".join(["", *lines, *wrong, ""])


def test_the_forty_are_four_for_each_category_and_none_is_an_example() -> None:
    groups = read("forty_prompts.yaml")
    prompts = [prompt for group in groups.values() for prompt in group]
    assert [len(group) for group in groups.values()] == [4] * 10
    assert len(set(prompts)) == 40
    similarity = ROUTER.embedder.embed(prompts) @ ROUTER.embedder.embed(EXAMPLES).T
    words = [set(example.lower().split()) for example in EXAMPLES]
    for prompt, row in zip(prompts, similarity, strict=True):
        nearest = EXAMPLES[int(row.argmax())]
        assert row.max() < 0.9, f"{prompt!r} is nearly the example {nearest!r}"
        own = set(prompt.lower().split())
        overlap = max(len(own & other) / len(own | other) for other in words)
        assert overlap < 0.6, f"{prompt!r} shares most of its words with an example"


def test_further_prompts_are_no_examples_either() -> None:
    prompts = [prompt for group in read("further_prompts.yaml").values() for prompt in group]
    assert len(set(prompts)) == 160
    assert not {prompt.lower() for prompt in prompts} & {example.lower() for example in EXAMPLES}


@pytest.mark.parametrize(
    ("name", "least"), [("forty_prompts.yaml", 37), ("further_prompts.yaml", 144)]
)
def test_most_are_classified_right(
    name: str, least: int, capsys: pytest.CaptureFixture[str]
) -> None:
    confusion, wrong = classify(read(name))
    with capsys.disabled():
        sys.stdout.write(f"\n{name}{table(confusion, wrong)}")
    assert confusion.trace() >= least, wrong


def test_a_proof_is_mathematics() -> None:
    found = ROUTER.classify("Prove that the square root of 2 is irrational")
    assert ROUTER.taxonomy.ids[found.category] == "math"
