"""A small world: three kinds of prompt, three experts, one of them good everywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from router import HashingEmbedder
from router.artifact import Artifact
from router.data import Dataset
from router.learning import Plan, learn
from router.mapping import Budget
from router.prices import Price

EMBEDDER = HashingEmbedder(128)
WORDS = {
    "law": "court judge contract tenant lawsuit appeal verdict statute clause liability",
    "cooking": "oven flour butter simmer garlic recipe roast dough sauce spice",
    "sailing": "mast harbour keel tide rudder anchor knot spinnaker jib wind",
}
QUALITY = {
    "large": {"law": 0.8, "cooking": 0.8, "sailing": 0.8},
    "lawyer": {"law": 0.95, "cooking": 0.2, "sailing": 0.2},
    "cook": {"law": 0.2, "cooking": 0.8, "sailing": 0.2},
}
PRICES = (
    ("cook", Price(usd=0.0005, latency=0.5, active_parameters=4.0)),
    ("large", Price(usd=0.01, latency=3.0, active_parameters=70.0, total_parameters=140.0)),
    ("lawyer", Price(price_in=0.1, price_out=0.2, latency=0.8, active_parameters=8.0)),
)


def prompts_of(words: str, count: int, seed: int) -> tuple[str, ...]:
    """Return prompts of some words, all different."""
    rng = np.random.default_rng(seed)
    return tuple(f"{' '.join(rng.choice(words.split(), 6))} {seed}{n}" for n in range(count))


def make_data(rows: int = 240, seed: int = 0, labelled: int | None = None) -> Dataset:
    """Return prompts of the three kinds in turn; the first ones labelled, by default all."""
    rng = np.random.default_rng(seed)
    names = list(WORDS)
    kinds = [names[number % len(names)] for number in range(rows)]
    each = {name: iter(prompts_of(words, rows, seed)) for name, words in WORDS.items()}
    scores = np.array([[float(rng.random() < QUALITY[e][kind]) for e in QUALITY] for kind in kinds])
    shown = rows if labelled is None else labelled
    return Dataset(
        ids=tuple(str(number) for number in range(rows)),
        prompts=tuple(next(each[kind]) for kind in kinds),
        categories=tuple(kind if n < shown else None for n, kind in enumerate(kinds)),
        experts=tuple(QUALITY),
        scores=scores,
    )


def relabelled(data: Dataset, row: int, label: str | None) -> Dataset:
    """Return the data with one label changed."""
    labels = list(data.categories)
    labels[row] = label
    return replace(data, categories=tuple(labels))


@pytest.fixture(scope="session")
def learned() -> Artifact:
    """A router with a mapping under several limits among its policies."""
    limited = Budget(active_parameters=40.0, max_experts=2)
    return learn(make_data(), EMBEDDER, Plan(budgets=(("both", limited),), prices=PRICES))
