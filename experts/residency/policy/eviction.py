"""Who leaves memory when something else has to come in.

Belady's rule (1966) is to throw out what is needed last. What is needed is known as far as the queue
goes; beyond it, by how likely a model is to be asked for soon and how long it would take to get back, for each
byte that it holds (as GreedyDual-Size weighs cost against size, Cao and Irani 1997).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from experts.residency.policy.grouping import Turns
from experts.residency.policy.values import Eviction, Tier

Worth = Callable[[str], tuple[float, ...]]
"""How much a resident is worth keeping; compared as tuples are."""


def worth(
    eviction: Eviction,
    tier: Tier,
    turns: Turns,
    density: Callable[[str], float],
) -> Worth:
    """Return what tells how much each resident is worth keeping.

    Args:
        eviction: By which rule.
        tier: Holds the residents.
        turns: Whose turn it is.
        density: What having a model is likely to save, for each byte that it takes.
    """

    def by_last_use(model: str) -> tuple[float, ...]:
        return (tier.residents[model].used_at,)

    def by_next_use(model: str) -> tuple[float, ...]:
        place = turns.places.get(model)
        wanted, turn = (0.0, 0.0) if place is None else (1.0, -float(place))
        return wanted, turn, density(model), tier.residents[model].used_at

    return by_last_use if eviction == "lru" else by_next_use


def leavers(tier: Tier, worth: Worth, stay: Collection[str]) -> list[str]:
    """Return who could leave, the one worth least first.

    Args:
        tier: The memory.
        worth: From :func:`worth`.
        stay: Models that may not be taken out.
    """
    movable = (
        model for model, one in tier.residents.items() if not one.leaving and model not in stay
    )
    return sorted(movable, key=lambda model: (worth(model), model))


def room(tier: Tier, size: float, leavers: Sequence[str]) -> tuple[str, ...] | None:
    """Return who has to leave for something of a size to fit; ``None`` where that is not enough.

    Takes them in their order, and lets those stay after all that turn out not to be in the way.

    Args:
        tier: The memory.
        size: Bytes that are needed.
        leavers: From :func:`leavers`.
    """
    free = tier.soon_free
    if free >= size:
        return ()
    leaving: list[str] = []
    for model in leavers:
        leaving.append(model)
        free += tier.residents[model].size
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
