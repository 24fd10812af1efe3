"""How few loads would have done, had one known everything that was to come.

For models of one size that is Belady's rule (1966), and exact. For different sizes the exact number is hard to
compute, so a bound from below is given: that of Berger, Beckmann and Harchol-Balter (2018, "Practical bounds on
optimal caching with variable object sizes", PFOO-L), which lets memory be used as if what is kept could be
moved in time.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence


def fewest_loads(uses: Sequence[str], sizes: Mapping[str, int], capacity: float) -> int:
    """Return the fewest loads with which models can be used in an order, each in memory as it is used.

    Exact where all sizes are alike, and no more than that many otherwise.

    Args:
        uses: Models in the order of their use.
        sizes: Bytes of each.
        capacity: Bytes; at least the largest of the sizes.
    """
    runs = [use for place, use in enumerate(uses) if place == 0 or uses[place - 1] != use]
    different = {sizes[use] for use in runs}
    if len(different) <= 1:
        places = int(capacity // different.pop()) if different else 0
        return _belady(runs, places)
    return _bound(runs, sizes, capacity)


def _belady(runs: Sequence[str], places: int) -> int:
    upcoming = _next_uses(runs)
    there: dict[str, int] = {}
    furthest: list[tuple[int, str]] = []
    loads = 0
    for place, model in enumerate(runs):
        if model not in there:
            loads += 1
            while len(there) >= places:
                when, victim = heapq.heappop(furthest)
                if there.get(victim) == -when:
                    del there[victim]
        there[model] = upcoming[place]
        heapq.heappush(furthest, (-upcoming[place], model))
    return loads


def _bound(runs: Sequence[str], sizes: Mapping[str, int], capacity: float) -> int:
    upcoming = _next_uses(runs)
    # While a model is used, it takes its room, whatever else is kept.
    budget = sum(capacity - sizes[model] for model in runs)
    kept = sorted(
        sizes[model] * (upcoming[place] - place - 1)
        for place, model in enumerate(runs)
        if upcoming[place] < len(runs)
    )
    loads = len(runs)
    for cost in kept:
        budget -= cost
        if budget < 0:
            break
        loads -= 1
    return loads


def _next_uses(runs: Sequence[str]) -> list[int]:
    after: dict[str, int] = {}
    found = [len(runs)] * len(runs)
    for place in range(len(runs) - 1, -1, -1):
        found[place] = after.get(runs[place], len(runs) + place)
        after[runs[place]] = place
    return found
