"""How sure evidence about experts is, by simulation: judges, comparisons, admission, few prompts for many.

    python benchmarks/bench_evidence.py [--part judges] [--data FOLDER]

``judges``: how often the interval holds what a judge truly prefers that goes by position. ``comparisons``: how
often that of a difference of two experts holds it, and equals are called unequal. ``admission``: who is let in,
of guessers of three kinds and of experts that are ten points better. ``prompts``: greedy choice against the
best there is. ``selection``: the mapping from few prompts against the one from all, on MMLU-Pro.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench_router_quality import folder
from evidence_prompts import FILE, against_the_best, selection

from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.evaluations.admitting import shots_of
from router.evidence.admission import Rule, critical, power, shots_needed
from router.evidence.comparison import compared
from router.evidence.preference import preference

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]
JUDGES = (
    (0.7, 0.0, 0.3, 0.0),
    (0.7, 0.2, 0.3, 0.0),
    (0.9, 0.1, 0.5, 0.0),
    (0.6, 0.0, 0.0, 0.0),
    (0.8, 0.0, 0.4, 0.5),
    (0.7, 0.1, 0.3, 0.2),
)
"""Share of prompts on which A is better, ties, how often it goes by position, the same answer given."""


def judges(seeds: int) -> Iterable[Row]:
    """Yield how often intervals hold the true preference of a judge that goes by position."""
    for share, ties, position, same in JUDGES:
        truth = same / 2 + (1 - same) * (share * (1 - ties) + ties / 2)
        for n in (30, 100, 300):
            held = naive = 0
            for seed in range(seeds):
                rng = np.random.default_rng(seed)
                settled = int(rng.binomial(n, same))
                first, second = _judged(rng, n - settled, share, ties, position)
                seen = preference(first, second, settled=settled)
                held += seen.corrected.low <= truth <= seen.corrected.high
                naive += seen.balanced.low <= truth <= seen.balanced.high
            case = {"true": round(truth, 4), "position": position, "same": same, "prompts": n}
            yield {**case, "coverage": held / seeds, "mean of both orders": naive / seeds}


def _judged(
    rng: np.random.Generator, n: int, share: float, ties: float, position: float
) -> tuple[Floats, Floats]:
    chances = [share * (1 - ties), ties, (1 - share) * (1 - ties)]
    content = rng.choice([1.0, 0.5, 0.0], p=chances, size=n)
    first = np.where(rng.random(n) < position, 1.0, content)
    return first, np.where(rng.random(n) < position, 0.0, content)


def comparisons(seeds: int) -> Iterable[Row]:
    """Yield how often the interval of a difference holds it, and what is said of it."""
    for ours, theirs, together in (
        (0.7, 0.7, 0.5),
        (0.7, 0.6, 0.5),
        (0.95, 0.85, 0.5),
        (0.5, 0.5, 0.0),
    ):
        for n in (20, 100, 400):
            held, said = 0, {"win": 0, "tie": 0, "lose": 0}
            for seed in range(seeds):
                rng = np.random.default_rng(seed)
                luck = rng.random(n)
                shared = rng.random(n) < together  # as hard for the one as for the other
                one = luck < ours
                other = np.where(shared, luck, rng.random(n)) < theirs
                found = compared(one.astype(float), other.astype(float))
                difference = found.difference
                held += difference.low - 1e-12 <= ours - theirs <= difference.high + 1e-12
                said[found.verdict] += 1
            shares = {name: count / seeds for name, count in said.items()}
            yield {"ours": ours, "theirs": theirs, "prompts": n, "coverage": held / seeds, **shares}


def admission(seeds: int) -> Iterable[Row]:
    """Yield how many prompts admission takes where a guess is worth the same everywhere; then files of prompts."""
    rng = np.random.default_rng(0)
    for chance in (0.0, 0.1, 0.25, 0.5):
        shots = shots_needed(chance)
        needed = critical(np.full(shots, chance))
        guesses, better = (rng.binomial(shots, p, 20_000) >= needed for p in (chance, chance + 0.1))
        yield {
            "chance": chance,
            "prompts": shots,
            "right needed": needed,
            "guesser in": float(guesses.mean()),
            "ten points better in": float(better.mean()),
            "power": power(np.full(shots, chance)),
        }
    for name, keys in (("even", "ABCD"), ("half are A", "AAABCD"), ("yes or no", "AB")):
        yield _admitted(f"one category, {name}", [(1.0, keys)], seeds)
    yield _admitted("a tenth in a category of A A A B", [(0.9, "ABCD"), (0.1, "AAAB")], seeds)


def _admitted(name: str, parts: list[tuple[float, str]], seeds: int) -> Row:
    """Return who is let in by prompts drawn from files of 1,200, some categories with uneven answers."""
    letters = np.array(sorted(set("".join(keys for _, keys in parts))))
    let_in: dict[str, list[float]] = {}
    counts = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        shots = shots_of(_file(rng, parts, len(letters)), Rule())
        keys = np.array([task.target for task in shots.tasks])
        needed, n = critical(shots.guesses), len(keys)
        constant = max(int((keys == letter).sum()) for letter in letters)
        shares = np.array([(keys == letter).mean() for letter in letters])
        found = {
            "guesses evenly": rng.choice(letters, size=(100, n)) == keys,
            "guesses as answers are spread": rng.choice(letters, p=shares, size=(100, n)) == keys,
            "ten points better": rng.random((100, n)) < shots.guesses + 0.1,
        }
        let_in.setdefault("always the commonest", []).append(float(constant >= needed))
        for kind, right in found.items():
            let_in.setdefault(kind, []).append(float((right.sum(axis=1) >= needed).mean()))
        counts.append(n)
    shares_in = {kind: round(float(np.mean(each)), 4) for kind, each in let_in.items()}
    return {"file": name, "files": seeds, "prompts": float(np.mean(counts)), **shares_in}


def _file(
    rng: np.random.Generator, parts: list[tuple[float, str]], options: int
) -> list[GradedTask]:
    tasks = []
    for number in range(1200):
        place = int(rng.choice(len(parts), p=[share for share, _ in parts]))
        target = str(rng.choice(list(parts[place][1])))
        fields = {"options": [f"option {n}" for n in range(options)]}
        tasks.append(GradedTask(f"t{number}", f"c{place}", "?", target, fields=fields))
    return tasks


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", action="append", help="Only this; may be repeated.")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=100)
    arguments = parser.parse_args()
    data = arguments.data or folder()
    parts: dict[str, Callable[[], Iterable[Row]]] = {
        "judges": lambda: judges(arguments.seeds),
        "comparisons": lambda: comparisons(arguments.seeds),
        "admission": lambda: admission(max(arguments.seeds // 5, 1)),
        "prompts": lambda: [against_the_best(arguments.seeds)],
        "selection": lambda: selection(data, arguments.draws),
    }
    for name in arguments.part or parts:
        print(name)
        if name == "selection" and not (data / FILE).is_file():
            print(f"  {FILE} is not in {data}; name the folder with --data")
            continue
        for row in parts[name]():
            print("  " + json.dumps(row))


if __name__ == "__main__":
    main()
