"""Peers' methods fitted on a training set, and what they expect of other prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from router.data import Dataset
from router.embedding import Embedder
from router.evaluation.baselines import (
    Baseline,
    MatrixFactorisation,
    Neighbours,
    Regions,
    SimilarityRanking,
    Vectors,
)
from router.evaluation.metrics import Floats

PEERS: Mapping[str, Baseline] = {
    "kNN": Neighbours(),
    "k-means regions": Regions(),
    "matrix factorisation": MatrixFactorisation(),
    "similarity-weighted ranking": SimilarityRanking(),
}
"""kNN routers, Avengers, and two methods of RouteLLM."""

_BATCH = 256


def aligned(data: Dataset, experts: Sequence[str]) -> Dataset:
    """Return a data set with its scores in the order of some experts, NaN of those it lacks."""
    places = {name: column for column, name in enumerate(data.experts)}
    scores = np.full((len(data), len(experts)), np.nan)
    for column, name in enumerate(experts):
        if name in places:
            scores[:, column] = data.scores[:, places[name]]
    return Dataset(data.ids, data.prompts, data.categories, tuple(experts), scores)


def expected_by_peers(
    train: Dataset,
    prompts: Sequence[str],
    embedder: Embedder,
    *,
    seed: int = 0,
    peers: Mapping[str, Baseline] = PEERS,
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> dict[str, Floats]:
    """Fit each method on training prompts, and ask it of others.

    Args:
        train: Prompts with scores.
        prompts: To be asked about, n of them.
        embedder: Turns prompts into the vectors all methods work on.
        seed: Of everything that is drawn.
        peers: The methods by name.
        progress: Wraps the methods, to show how far it is.

    Returns:
        The quality expected of each expert, (n, E), by method; empty where nothing was measured.
    """
    measured = np.flatnonzero(np.isfinite(train.scores).any(axis=1))
    if not len(measured):
        return {}
    shown = train.rows(measured)
    vectors, asked = _vectors(shown.prompts, embedder), _vectors(prompts, embedder)
    return {
        name: method.fit(vectors, shown.scores, seed=seed)(asked)
        for name, method in progress(list(peers.items()))
    }


def _vectors(prompts: Sequence[str], embedder: Embedder) -> Vectors:
    starts = range(0, len(prompts), _BATCH)
    return np.concatenate([embedder.embed(prompts[at : at + _BATCH]) for at in starts])
