"""What is loaded next, and what makes room for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from experts.residency.policy.eviction import Worth, leavers, room
from experts.residency.policy.traffic import warm_set
from experts.residency.policy.values import Tier


@dataclass(frozen=True, slots=True)
class Plan:
    """A load that was decided on.

    Args:
        model: What is loaded.
        victims: What leaves memory for it.
        asked: Whether a request waits for it.
    """

    model: str
    victims: tuple[str, ...]
    asked: bool


def due(
    tier: Tier,
    model: str,
    sooner: Collection[str],
    worth: Worth,
    size: Callable[[str], int],
    stay: Collection[str],
) -> Plan | None:
    """Decide on the load of a model that is due: it may take the room of models in use or asked for.

    Args:
        tier: The memory.
        model: Which; it is not in memory.
        sooner: Models whose turn is before its own: their room it may not take.
        worth: From :func:`.eviction.worth`.
        size: Bytes of a model.
        stay: Models that are never taken out.
    """
    victims = room(tier, size(model), leavers(tier, worth, {*stay, *sooner}))
    return None if victims is None else Plan(model, victims, asked=True)


def asked_for(
    tier: Tier,
    absent: Iterable[str],
    worth: Worth,
    size: Callable[[str], int],
    stay: Collection[str],
    in_time: Callable[[str], bool],
) -> Plan | None:
    """Decide on the load of a model that is waited for and not due: the first there is room for.

    Args:
        tier: The memory.
        absent: Models that requests wait for and that are not in memory, by their turns.
        worth: From :func:`.eviction.worth`.
        size: Bytes of a model.
        stay: Models that may not be taken out: in use, asked for, or pinned.
        in_time: Whether a model can be loaded before something is due.
    """
    could_leave = leavers(tier, worth, stay)
    too_large = math.inf
    for model in absent:
        needed = size(model)
        if needed >= too_large:
            continue
        victims = room(tier, needed, could_leave)
        if victims is None:
            too_large = needed
        elif in_time(model):
            return Plan(model, victims, asked=True)
    return None


def ahead(
    tier: Tier,
    densities: Mapping[str, float],
    worth: Worth,
    size: Callable[[str], int],
    stay: Collection[str],
    in_time: Callable[[str], bool],
) -> Plan | None:
    """Decide on a model that nobody has asked for yet: of those worth being warm, the best that fits.

    Args:
        tier: The memory.
        densities: Models that may be loaded or are, by what having them is likely to save, for each byte.
        worth: From :func:`.eviction.worth`.
        size: Bytes of a model.
        stay: Models that may not be taken out: in use, asked for, pinned, or just used.
        in_time: Whether a model can be loaded before something is due.
    """
    warm = warm_set(densities, size, tier.capacity, tier.residents.keys())
    could_leave: list[str] | None = None
    for model in warm:
        if model not in tier.residents and in_time(model):
            if could_leave is None:
                could_leave = leavers(tier, worth, {*stay, *warm})
            victims = room(tier, size(model), could_leave)
            if victims is not None:
                return Plan(model, victims, asked=False)
    return None
