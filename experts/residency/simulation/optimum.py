"""How few loads would have done, had one known everything that was to come.

The answers are taken as they were given: when each began and ended, and with which model. A model has to be in
memory meanwhile, and loads take no time. Where all models have one size, Belady's rule (1966) gives the fewest
loads, exactly: who leaves is whoever is needed last, of those that answer nothing at the moment. For different sizes
the exact number is hard to compute, so a bound from below is given: that of Berger, Beckmann and Harchol-Balter
(2018, "Practical bounds on optimal caching with variable object sizes", PFOO-L), which lets memory be used as if
what is kept could be moved in time.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Use(NamedTuple):
    """An answer: its model, and when it began and ended, in seconds."""

    model: str
    begins: float
    ends: float


def in_order(models: Sequence[str]) -> list[Use]:
    """Return uses that take no time, one after the other: for the optimum of their order alone."""
    return [Use(model, float(place), float(place)) for place, model in enumerate(models)]


def fewest_loads(uses: Sequence[Use], sizes: Mapping[str, int], capacity: float) -> int:
    """Return the fewest loads with which answers can be given as they were.

    Exact where all sizes are alike, and no more than that many otherwise.

    Args:
        uses: Answers by their beginnings; at no moment more than fits.
        sizes: Bytes of each model.
        capacity: Bytes; at least the largest of the sizes.
    """
    different = {sizes[model] for model in {use.model for use in uses}}
    if len(different) <= 1:
        places = int(capacity // different.pop()) if different else 0
        return _belady(uses, places)
    return _bound(uses, sizes, capacity)


def _belady(uses: Sequence[Use], places: int) -> int:
    upcoming = _next_uses(uses)
    needed_next: dict[str, int] = {}
    busy_until: dict[str, float] = {}
    loads = 0
    for place, (model, begins, ends) in enumerate(uses):
        if model not in needed_next:
            loads += 1
            if len(needed_next) >= places:
                idle = (each for each in needed_next if busy_until[each] <= begins)
                del needed_next[max(idle, key=lambda each: (needed_next[each], each))]
        needed_next[model] = upcoming[place]
        busy_until[model] = max(busy_until.get(model, ends), ends)
    return loads


def _bound(uses: Sequence[Use], sizes: Mapping[str, int], capacity: float) -> int:
    # Time is counted in beginnings: what is kept takes room at each that lies between two uses of its own.
    begins = [use.begins for use in uses]
    busy_until: dict[str, tuple[int, float]] = {}
    gaps = []
    for place, use in enumerate(uses):
        before = busy_until.get(use.model)
        if before is not None:
            idle = place - max(before[0] + 1, bisect_left(begins, before[1], hi=place))
            gaps.append(sizes[use.model] * max(idle, 0))
        until = use.ends if before is None else max(before[1], use.ends)
        busy_until[use.model] = place, until
    spare = sum(capacity - taken for taken in _in_use(uses, sizes))
    loads = len(busy_until) + len(gaps)
    for cost in sorted(gaps):
        spare -= cost
        if spare < 0:
            break
        loads -= 1
    return loads


def _in_use(uses: Sequence[Use], sizes: Mapping[str, int]) -> list[int]:
    """Return the bytes of the models in use at each beginning."""
    found = []
    ends: list[tuple[float, str]] = []
    answers: dict[str, int] = {}
    taken = 0
    for use in uses:
        while ends and ends[0][0] <= use.begins:
            _, model = heapq.heappop(ends)
            answers[model] -= 1
            taken -= 0 if answers[model] else sizes[model]
        taken += 0 if answers.get(use.model) else sizes[use.model]
        answers[use.model] = answers.get(use.model, 0) + 1
        found.append(taken)
        heapq.heappush(ends, (use.ends, use.model))
    return found


def _next_uses(uses: Sequence[Use]) -> list[int]:
    after: dict[str, int] = {}
    found = [0] * len(uses)
    for place in range(len(uses) - 1, -1, -1):
        model = uses[place].model
        found[place] = after.get(model, len(uses))
        after[model] = place
    return found
