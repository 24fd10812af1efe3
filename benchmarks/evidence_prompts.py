"""Few prompts for many: chosen by facility location, against the best there is and against chance."""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.data import Dataset
from router.embedding import StaticEmbedder
from router.evaluation.intervals import bootstrap
from router.evidence.selection import by_category, facility_location, told
from router.reading import read_dataset

FILE = "mmlu_pro_13models.jsonl.gz"
KNOWN = 7
POOL = 0.6
COUNTS = (5, 10, 20, 40, 80)
Rows = list[npt.NDArray[np.intp]]


class Source(NamedTuple):
    """Prompts with scores, and what is computed of them once."""

    data: Dataset
    vectors: npt.NDArray[np.floating]
    labels: npt.NDArray[np.intp]
    full: npt.NDArray[np.float64]
    """Mean score of each expert in each category, by all prompts: shape (categories, experts)."""


def against_the_best(instances: int) -> dict[str, Any]:
    """Return how near greedy choice comes to the best of all choices, where these can be counted."""
    ratios = []
    for seed in range(instances):
        rng = np.random.default_rng(seed)
        n, count = int(rng.integers(6, 15)), int(rng.integers(2, 5))
        vectors = rng.normal(size=(n, 4))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        likeness, weights = np.clip(vectors @ vectors.T, 0, 1), rng.random(n)

        def value(columns: Any, likeness: Any = likeness, weights: Any = weights) -> float:
            return float(weights @ likeness[:, list(columns)].max(axis=1))

        best = max(value(columns) for columns in itertools.combinations(range(n), count))
        ratios.append(value(facility_location(likeness, weights, count)) / best)
    return {
        "instances": instances,
        "mean of the best": float(np.mean(ratios)),
        "worst": min(ratios),
        "best found": float(np.mean(np.array(ratios) > 1 - 1e-9)),
    }


def selection(folder: Path, draws: int) -> list[dict[str, Any]]:
    """Return how the mapping of categories to experts by few prompts compares with the one by all.

    Experts whose scores choose the prompts are others than those that are mapped, drawn anew each time,
    and so are the prompts there are to choose from.
    """
    source = _read(folder)
    rng = np.random.default_rng(0)
    results: dict[tuple[int, str], list[tuple[float, float]]] = defaultdict(list)
    for _ in range(draws):
        known = rng.permutation(len(source.data.experts))[:KNOWN]
        others = np.setdiff1d(np.arange(len(source.data.experts)), known)
        pool = np.flatnonzero(rng.random(len(source.data)) < POOL)
        for count in COUNTS:
            for name, rows in _sets(source, pool, known, count, rng).items():
                results[count, name].append(_mapped(source, rows, others, rng))
    return [_row(count, name, values) for (count, name), values in results.items()]


def _read(folder: Path) -> Source:
    data = read_dataset([folder / FILE])
    names = sorted({label for label in data.categories if label})
    labels = np.array([names.index(label or "") for label in data.categories])
    full = np.array([data.scores[labels == c].mean(axis=0) for c in range(len(names))])
    return Source(data, StaticEmbedder().embed(data.prompts), labels, full)


def _sets(
    source: Source, pool: Any, known: Any, count: int, rng: np.random.Generator
) -> dict[str, Rows]:
    """Return the rows of each category that each way of choosing takes."""
    scores, labels = source.data.scores[pool][:, known], source.labels[pool]
    useful = told(scores).tells
    weights = {
        "chosen": useful.astype(float),
        "weighed by variance": scores.var(axis=1) * useful,
        "diverse only": np.ones(len(pool)),
    }
    sets = {}
    for name, each in weights.items():
        parts = by_category(source.vectors[pool], each, [str(label) for label in labels], count)
        sets[name] = [pool[parts[str(c)].rows] for c in range(len(source.full))]
    for name, allowed in (("telling, at random", useful), ("at random", np.ones_like(useful))):
        sets[name] = [
            pool[rng.permutation(np.flatnonzero((labels == c) & allowed))[:count]]
            for c in range(len(source.full))
        ]
    return sets


def _mapped(
    source: Source, rows: Rows, others: Any, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the share of categories mapped to the same expert as by all prompts, and the quality lost."""
    best = source.full[:, others].argmax(axis=1)
    means = np.array([source.data.scores[own][:, others].mean(axis=0) for own in rows])
    found = (means + rng.random(means.shape) * 1e-9).argmax(axis=1)  # equals: any of them
    places = np.arange(len(rows))
    lost = source.full[places, others[best]] - source.full[places, others[found]]
    return float((best == found).mean()), float(lost.mean())


def _row(count: int, name: str, values: list[tuple[float, float]]) -> dict[str, Any]:
    same, lost = np.array(values).T
    spread = bootstrap(lost)
    return {
        "a category": count,
        "prompts": name,
        "same expert": float(same.mean()),
        "quality lost": spread.mean,
        "95 %": [round(spread.low, 4), round(spread.high, 4)],
    }
