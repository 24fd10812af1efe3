"""What the same money buys."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from orchestrator.conductor.evaluation.record import Sample

_MOST_SUBSETS = 200


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
