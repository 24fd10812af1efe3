"""A small made-up data set and what a made-up router says of it."""

from __future__ import annotations

import numpy as np

from router.data import Dataset
from router.evaluation import Predictions, Prices

EXPERTS = ("small", "coder", "large")
PRICES = Prices(np.array([1e-4, 2e-4, 5e-3]), np.array([3.0, 7.0, 70.0]))
KINDS = ("coding", "law", "oos")


def data(n: int = 240, seed: int = 0) -> Dataset:
    """Every third prompt is out of scope; the coder is best at coding, the large one at the rest."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    chance = np.array([[0.3, 0.9, 0.6], [0.2, 0.3, 0.8], [0.5, 0.5, 0.6]])[kind]
    return Dataset(
        ids=tuple(str(i) for i in range(n)),
        prompts=tuple(f"prompt {i}" for i in range(n)),
        categories=tuple(KINDS[each] for each in kind),
        experts=EXPERTS,
        scores=(rng.random((n, 3)) < chance).astype(np.float64),
    )


def said(n: int = 240, right: float = 0.9) -> Predictions:
    """A router that finds the category of a share of the prompts and is unsure out of scope."""
    rng = np.random.default_rng(1)
    kind = np.arange(n) % 3
    found = np.where(rng.random(n) < right, kind, 1 - kind) % 2
    top = rng.uniform(0.6, 1.0, size=n)
    top[kind == 2] = rng.uniform(0.5, 0.7, size=int((kind == 2).sum()))
    probabilities = np.empty((n, 2))
    probabilities[np.arange(n), found] = top
    probabilities[np.arange(n), 1 - found] = 1 - top
    table = np.array([[0.3, 0.9, 0.6], [0.2, 0.3, 0.8]])
    quality = probabilities @ table
    return Predictions(
        choices={
            "quality": quality.argmax(axis=1),
            "economy": (quality - 0.01 * np.array([3.0, 7, 70])).argmax(axis=1),
        },
        quality=quality,
        categories=("coding", "law"),
        probabilities=probabilities,
        uncertainty=1 - top,
        seconds=np.full(50, 1e-4),
    )
