"""How sure evidence about experts is: judges that go by position, admission, and few prompts for many.

    python benchmarks/bench_evidence.py --data FOLDER

``selection``: the mapping of categories to experts, chosen from few prompts a category, against the mapping from
all of them. Experts whose scores choose the prompts are others than those that are mapped, drawn anew each
time, and so are the prompts there are to choose from.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from bench_router_quality import folder

from router.embedding import StaticEmbedder
from router.evaluation.intervals import bootstrap
from router.evidence.admission import critical, power, shots_needed
from router.evidence.preference import preference
from router.evidence.selection import by_category, told
from router.reading import read_dataset

FILE = "mmlu_pro_13models.jsonl.gz"
DRAWS = 100
KNOWN = 7
POOL = 0.6


def coverage(seeds: int) -> list[dict[str, Any]]:
    """Return how often the interval holds the true preference of a judge that goes by position."""
    found = []
    for share, ties, position in (
        (0.7, 0.0, 0.3),
        (0.7, 0.2, 0.3),
        (0.9, 0.1, 0.5),
        (0.6, 0.0, 0.0),
    ):
        for n in (30, 100, 300):
            truth = share * (1 - ties) + ties / 2
            held = naive = 0
            for seed in range(seeds):
                rng = np.random.default_rng(seed)
                chances = [share * (1 - ties), ties, (1 - share) * (1 - ties)]
                content = rng.choice([1.0, 0.5, 0.0], p=chances, size=n)
                first = np.where(rng.random(n) < position, 1.0, content)
                second = np.where(rng.random(n) < position, 0.0, content)
                seen = preference(first, second)
                held += seen.corrected.low <= truth <= seen.corrected.high
                naive += seen.balanced.low <= truth <= seen.balanced.high
            case = {"true": truth, "position": position, "prompts": n}
            found.append({**case, "coverage": held / seeds, "mean of both orders": naive / seeds})
    return found


def admission() -> list[dict[str, Any]]:
    """Return how many prompts admission takes, and what it then lets in."""
    rng = np.random.default_rng(0)
    found = []
    for chance in (0.0, 0.1, 0.25, 0.5):
        shots = shots_needed(chance)
        needed = critical(np.full(shots, chance))
        found.append(
            {
                "chance": chance,
                "prompts": shots,
                "right needed": needed,
                "guesser in": float((rng.binomial(shots, chance, 20_000) >= needed).mean()),
                "ten points better in": float(
                    (rng.binomial(shots, chance + 0.1, 20_000) >= needed).mean()
                ),
                "power": power(np.full(shots, chance)),
            }
        )
    return found


def selection(data: Path, draws: int) -> list[dict[str, Any]]:
    """Return how the mapping from few prompts compares with the one from all."""
    all_ = read_dataset([data / FILE])
    vectors = StaticEmbedder().embed(all_.prompts)
    names = sorted({label for label in all_.categories if label})
    labels = np.array([names.index(label or "") for label in all_.categories])
    full = np.array([all_.scores[labels == c].mean(axis=0) for c in range(len(names))])
    experts, rng = len(all_.experts), np.random.default_rng(0)
    results: dict[tuple[int, str], list[tuple[float, float]]] = {}
    for _ in range(draws):
        known = rng.permutation(experts)[:KNOWN]
        others = np.setdiff1d(np.arange(experts), known)
        pool = np.flatnonzero(rng.random(len(all_)) < POOL)
        useful = told(all_.scores[pool][:, known]).tells
        best = others[full[:, others].argmax(axis=1)]
        for count in (5, 10, 20, 40, 80):
            sets = {
                "chosen": _chosen(vectors[pool], useful.astype(float), labels[pool], count),
                "weighed by variance": _chosen(
                    vectors[pool],
                    all_.scores[pool][:, known].var(axis=1) * useful,
                    labels[pool],
                    count,
                ),
                "diverse only": _chosen(vectors[pool], np.ones(len(pool)), labels[pool], count),
                "telling, at random": _drawn(rng, labels[pool], useful, count),
                "at random": _drawn(rng, labels[pool], np.ones_like(useful), count),
            }
            for name, rows in sets.items():
                mapped = [
                    others[
                        (
                            all_.scores[pool[own]][:, others].mean(axis=0)
                            + rng.random(len(others)) * 1e-9
                        ).argmax()
                    ]
                    for own in rows
                ]
                lost = [full[c, best[c]] - full[c, mapped[c]] for c in range(len(names))]
                same = float(np.mean(np.array(mapped) == best))
                results.setdefault((count, name), []).append((same, float(np.mean(lost))))
    found = []
    for (count, name), values in results.items():
        same, lost = np.array(values).T
        spread = bootstrap(lost)
        found.append(
            {
                "a category": count,
                "prompts": name,
                "same expert": float(same.mean()),
                "quality lost": spread.mean,
                "95 %": [round(spread.low, 4), round(spread.high, 4)],
            }
        )
    return found


def _chosen(vectors: Any, weights: Any, labels: Any, count: int) -> list[Any]:
    parts = by_category(vectors, weights, [str(label) for label in labels], count)
    return [parts[str(c)].rows for c in range(int(labels.max()) + 1)]


def _drawn(rng: np.random.Generator, labels: Any, allowed: Any, count: int) -> list[Any]:
    found = []
    for c in range(int(labels.max()) + 1):
        own = np.flatnonzero((labels == c) & allowed)
        found.append(rng.choice(own, min(count, len(own)), replace=False))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=DRAWS)
    arguments = parser.parse_args()
    for title, rows in (("position", coverage(arguments.seeds)), ("admission", admission())):
        print(title)
        for row in rows:
            print("  " + json.dumps(row))
    data = arguments.data or folder()
    if not (data / FILE).is_file():
        print(f"selection: {FILE} is not in {data}; name the folder with --data")
        return
    print("selection")
    for row in selection(data, arguments.draws):
        print("  " + json.dumps(row))


if __name__ == "__main__":
    main()
