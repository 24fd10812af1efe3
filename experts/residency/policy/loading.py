"""What is loaded next, and what makes room for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from experts.residency.policy.eviction import Worth, room
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


def asked_for(
    tier: Tier,
    order: Sequence[str],
    first: Collection[str],
    worths: Mapping[str, Worth],
    size: Callable[[str], int],
    stay: Collection[str],
    in_time: Callable[[str], bool],
) -> Plan | None:
    """Decide on the next model that requests wait for.

    Args:
        tier: The memory.
        order: Models that requests wait for, in the order of their turns.
        first: Those of them that may take the room of models in use, or asked for, though not of those
            whose turn is before their own. Where there is no room even so, nothing else is loaded.
        worths: From :func:`.eviction.worth`.
        size: Bytes of a model.
        stay: Models that are never taken out.
        in_time: Whether a model that is not in ``first`` can be loaded before something is due.
    """
    busy = {model for model, one in tier.residents.items() if one.in_use}
    for place, model in enumerate(order):
        if model in tier.residents:
            continue
        if model in first:
            victims = room(tier, size(model), worths, {*stay, *order[:place]})
            return None if victims is None else Plan(model, victims, asked=True)
        victims = room(tier, size(model), worths, {*stay, *order, *busy})
        if victims is not None and in_time(model):
            return Plan(model, victims, asked=True)
    return None


def ahead(
    tier: Tier,
    waiting: Collection[str],
    densities: Mapping[str, float],
    worths: Mapping[str, Worth],
    size: Callable[[str], int],
    stay: Collection[str],
    in_time: Callable[[str], bool],
) -> Plan | None:
    """Decide on a model that nobody has asked for yet: of those worth being warm, the best that fits.

    Args:
        tier: The memory.
        waiting: Models that requests wait for.
        densities: Models that may be loaded or are, by what having them is likely to save, for each byte.
        worths: From :func:`.eviction.worth`.
        size: Bytes of a model.
        stay: Models that are never taken out.
        in_time: Whether a model can be loaded before something is due.
    """
    warm = warm_set(densities, size, tier.capacity, tier.residents.keys())
    busy = {model for model, one in tier.residents.items() if one.in_use}
    for model in warm:
        if model not in tier.residents and in_time(model):
            victims = room(tier, size(model), worths, {*stay, *waiting, *warm, *busy})
            if victims is not None:
                return Plan(model, victims, asked=False)
    return None
