"""Intervals, and what the same money buys."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from orchestrator.conductor.evaluation.record import Sample

_Z = 1.959963984540054
_MOST_SUBSETS = 200


def wilson(hits: float, n: int) -> tuple[float, float] | None:
    """Return the 95 % interval of a proportion (Wilson 1927); ``None`` for no observations."""
    if not n:
        return None
    share, square = hits / n, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def vote_of(samples: Sequence[Sample], count: int, *, seed: int = 0) -> float | None:
    """Return how often the commonest of ``count`` samples is right, over which ones are drawn.

    All subsets are looked at where there are few, else a fixed number of random ones; a tie falls to
    any of the tied. ``None`` where a sample could not be graded.

    Args:
        samples: All that were drawn.
        count: How many vote; at most as many as there are.
        seed: Of the random subsets.
    """
    if any(sample.right is None for sample in samples) or not samples:
        return None
    if len({sample.right for sample in samples}) == 1:
        return float(samples[0].right or False)  # whoever is drawn
    subsets: Sequence[Sequence[Sample]]
    if math.comb(len(samples), count) <= _MOST_SUBSETS:
        subsets = list(combinations(samples, count))
    else:
        rng = random.Random(seed)  # noqa: S311 - no secret
        subsets = [rng.sample(samples, count) for _ in range(_MOST_SUBSETS)]
    return sum(map(_vote, subsets)) / len(subsets)


def _vote(samples: Sequence[Sample]) -> float:
    counts = Counter(sample.answer for sample in samples if sample.answer)
    if not counts:
        return 0.0
    most = max(counts.values())
    tied = [answer for answer, votes in counts.items() if votes == most]
    right = {sample.answer for sample in samples if sample.right}
    return sum(answer in right for answer in tied) / len(tied)
