"""Answers to requests that are only alike: how long a look takes, what it finds, how often it is wrong.

- Lookups: vectors of 256 dimensions in clusters of 20, as prompts come, 100,000 and a million of them.
  What is looked for is near one of them. The exact search beside it is one product of a float32 matrix, in
  the same rounds; recall is the share of its first neighbours that are found.
- Questions: tasks in three frames ("How do I ...?"), each with the same in other words and three that
  differ from it in one fact (``question_pairs.txt``), asked at random. The answer to one counts as right for another
  if both are of the same task and meaning. The oracle is the one threshold of similarity that would have
  given most kept answers with no more wrong ones than chosen, known afterwards.

    python benchmarks/bench_similar.py [--json] [--most 1000000]
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experts.cache.similar.answers import Categories, SimilarAnswers
from experts.cache.similar.index import FloatArray, VectorIndex
from router import StaticEmbedder

DIMENSIONS, CLUSTER, LOOKS = 256, 20, 200
SIZES = (10_000, 100_000, 1_000_000)
PAIRS = Path(__file__).with_name("question_pairs.txt")
FRAMES = ("How do I {}?", "What is the best way to {}?", "Please explain how to {}.")
ASKED, SEEDS, CHOSEN = 4_000, 5, (0.01, 0.02, 0.05)


def unit(rows: FloatArray) -> FloatArray:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def clustered(count: int, rng: np.random.Generator) -> FloatArray:
    centres = rng.standard_normal((count // CLUSTER, DIMENSIONS), dtype=np.float32)
    made = np.repeat(centres, CLUSTER, axis=0)
    for start in range(0, len(made), 50_000):
        part = made[start : start + 50_000]
        part += 0.5 * rng.standard_normal(part.shape, dtype=np.float32)
    return unit(made)


def lookups(count: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    vectors = clustered(count, rng)
    began = time.perf_counter()
    index = VectorIndex.of([n.to_bytes(4) for n in range(count)], vectors)
    built = time.perf_counter() - began
    chosen = rng.choice(count, LOOKS, replace=False)
    noise = rng.standard_normal((LOOKS, DIMENSIONS), dtype=np.float32)
    asked = unit(vectors[chosen] + 0.02 * noise)
    ours, exact, found = [], [], 0
    for one in asked:
        began = time.perf_counter()
        near = index.search(one, 1)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        best = int(np.argmax(vectors @ one))
        exact.append(time.perf_counter() - began)
        found += bool(near) and near[0].name == best.to_bytes(4)
    return {
        "p50_ms": round(statistics.median(ours) * 1e3, 3),
        "exact_p50_ms": round(statistics.median(exact) * 1e3, 3),
        "recall": found / LOOKS,
        "built_s": round(built, 1),
    }


class Embeds:
    """Embeds each text once."""

    def __init__(self) -> None:
        self._embedder = StaticEmbedder()
        self._known: dict[str, FloatArray] = {}

    def __call__(self, texts: Sequence[str], /) -> FloatArray:
        """Return the vectors."""
        for text in texts:
            if text not in self._known:
                self._known[text] = self._embedder.embed([text])[0]
        return np.stack([self._known[text] for text in texts])


def questions(tasks: list[list[str]], chosen: float, seed: int, embed: Embeds) -> dict[str, int]:
    rng = random.Random(seed)  # noqa: S311 (a simulation)
    answers = SimilarAnswers(embed, embed, Categories(), wrong=chosen, chance=rng.random)
    for number, task in enumerate(tasks):
        answers.add(number.to_bytes(2), FRAMES[0].format(task[0]), "general")
    given = wrong = could = reworded = 0
    seen: list[tuple[float, bool]] = []
    for _ in range(ASKED):
        number, part = rng.randrange(len(tasks)), rng.randrange(5)
        could += part < 2
        verdict = answers.look(rng.choice(FRAMES).format(tasks[number][part]))
        if verdict.name is None:
            continue
        right = verdict.name == number.to_bytes(2) and part < 2
        seen.append((verdict.similarity, right))
        if verdict.given:
            given, wrong = given + 1, wrong + (not right)
            reworded += part == 1
        else:
            answers.compared(verdict.name, verdict.similarity, right=right)
    oracle = _oracle(seen, chosen)
    return {
        "given": given, "wrong": wrong, "oracle": oracle, "could": could, "reworded": reworded
    }  # fmt: skip


def _oracle(seen: list[tuple[float, bool]], chosen: float) -> int:
    """Return how many kept answers the best single threshold gives."""
    best = bad = 0
    for count, (_, right) in enumerate(sorted(seen, reverse=True), start=1):
        bad += not right
        if bad <= chosen * count:
            best = count
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--most", type=int, default=SIZES[-1])
    arguments = parser.parse_args()
    lines = PAIRS.read_text("utf-8").splitlines()[1:]
    tasks = [[part.strip() for part in line.split("|")] for line in lines]
    embed = Embeds()
    results: dict[str, Any] = {
        "lookups": {count: lookups(count) for count in SIZES if count <= arguments.most},
        "pairs": sum(len(task) - 1 for task in tasks),
        "questions": {},
    }
    for chosen in CHOSEN:
        runs = [questions(tasks, chosen, seed, embed) for seed in range(SEEDS)]
        results["questions"][chosen] = {name: sum(run[name] for run in runs) for name in runs[0]}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'entries':>9}{'p50 ms':>9}{'exact ms':>10}{'recall':>8}{'built s':>9}")
    for count, each in results["lookups"].items():
        print(
            f"{count:>9}{each['p50_ms']:>9}{each['exact_p50_ms']:>10}{each['recall']:>8.3f}"
            f"{each['built_s']:>9}"
        )
    print(f"\n{results['pairs']} pairs, {SEEDS} x {ASKED} questions")
    print(f"{'chosen':>7}{'given':>7}{'wrong':>7}{'share':>8}{'oracle gives':>14}{'of it':>7}")
    for chosen, each in results["questions"].items():
        print(
            f"{chosen:>7}{each['given']:>7}{each['wrong']:>7}{each['wrong'] / each['given']:>8.4f}"
            f"{each['oracle']:>14}{each['given'] / each['oracle']:>7.2f}"
        )


if __name__ == "__main__":
    main()
