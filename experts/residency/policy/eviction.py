"""Who leaves memory when something else has to come in.

Belady's rule (1966) is to throw out what is needed last. What is needed is known as far as the queue
goes; beyond it, by how likely a model is to be asked for soon and how long it would take to get back, for each
byte that it holds (as GreedyDual-Size weighs cost against size, Cao and Irani 1997).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from experts.residency.policy.values import Eviction, Tier

Worth = tuple[float, ...]
"""How much a resident is worth keeping; compared as tuples are."""


def worth(
    eviction: Eviction,
    tier: Tier,
    places: Mapping[str, int],
    densities: Mapping[str, float],
) -> dict[str, Worth]:
    """Return how much each resident is worth keeping.

    Args:
        eviction: By which rule.
        tier: Holds the residents.
        places: Models that requests wait for, by their turn: from :func:`.grouping.places`.
        densities: What having a model is likely to save, for each byte that it takes.
    """
    if eviction == "lru":
        return {model: (one.used_at,) for model, one in tier.residents.items()}
    found: dict[str, Worth] = {}
    for model, one in tier.residents.items():
        place = places.get(model)
        wanted, turn = (0.0, 0.0) if place is None else (1.0, -float(place))
        found[model] = (wanted, turn, densities.get(model, 0.0), one.used_at)
    return found


def room(
    tier: Tier, size: int, worths: Mapping[str, Worth], stay: Collection[str]
) -> tuple[str, ...] | None:
    """Return who has to leave for something of a size to fit; ``None`` where that is not enough.

    Takes those worth least, and lets those of them stay after all that turn out not to be in the way.

    Args:
        tier: The memory.
        size: Bytes that are needed.
        worths: From :func:`worth`.
        stay: Models that may not be taken out.
    """
    free = tier.free + sum(one.size for one in tier.residents.values() if one.leaving)
    if free >= size:
        return ()
    leaving: list[str] = []
    for model in sorted(worths, key=lambda each: (worths[each], each)):
        one = tier.residents[model]
        if model in stay or one.leaving:
            continue
        leaving.append(model)
        free += one.size
        if free >= size:
            return tuple(_needed(tier, leaving, free - size))
    return None


def _needed(tier: Tier, leaving: list[str], spare: float) -> list[str]:
    kept = set()
    for model in reversed(leaving):
        if tier.residents[model].size <= spare:
            spare -= tier.residents[model].size
            kept.add(model)
    return [model for model in leaving if model not in kept]
