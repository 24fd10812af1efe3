"""Who is served next: requests that wait, grouped by the model they need.

Serving a model's requests together loads it once for all of them (Read-ME, arXiv 2410.19123: route ahead,
batch by expert). Left alone, that lets a rare model starve behind busy ones. So a group whose oldest
request could not begin in time otherwise is *due*, and what is due goes first, oldest request first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """Requests that wait for one model.

    Args:
        model: Which.
        oldest: When the first of them came, in seconds.
        count: How many there are.
        ready: Whether the model is loaded.
        lead: Seconds from the decision to serve them until the first begins: a load, and the end of
            what is in the way.
    """

    model: str
    oldest: float
    count: int
    ready: bool
    lead: float


def due(groups: Sequence[Group], now: float, max_wait: float) -> tuple[str, ...]:
    """Return the models that must be turned to now, the one that has waited longest first.

    Groups that need a load are thought through one after another, as they would be loaded: once some
    group could not begin in time behind those before it, these have to begin, and so has it.

    Args:
        groups: All that wait.
        now: Seconds.
        max_wait: Seconds that a request may wait.
    """
    ordered = sorted(groups, key=_age)
    moments = due_moments(groups, max_wait)
    until = max((place for place, at in enumerate(moments, start=1) if at <= now), default=0)
    return tuple(group.model for group in ordered[:until])


def due_moments(groups: Sequence[Group], max_wait: float) -> list[float]:
    """Return for each group, by age, when it and those before it will be due.

    Args:
        groups: All that wait.
        max_wait: Seconds that a request may wait.
    """
    found = []
    ahead = 0.0
    for group in sorted(groups, key=_age):
        ahead += 0.0 if group.ready else group.lead
        found.append(group.oldest + max_wait - (group.lead if group.ready else ahead))
    return found


def in_order(groups: Sequence[Group], due_now: Sequence[str]) -> tuple[str, ...]:
    """Return the models in the order in which they are to be served.

    What is due, by age; then what is loaded, by age, since that costs nothing; then what has the most
    requests for the time that its load takes.

    Args:
        groups: All that wait.
        due_now: From :func:`due`.
    """
    rank = {model: place for place, model in enumerate(due_now)}
    late = len(rank)

    def key(group: Group) -> tuple[float, float, float, str]:
        if group.model in rank:
            return rank[group.model], 0.0, 0.0, group.model
        if group.ready:
            return late, 0.0, group.oldest, group.model
        return late, 1.0, -group.count / max(group.lead, 1e-9), group.model

    return tuple(group.model for group in sorted(groups, key=key))


def by_age(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return the models by their oldest request: the order of first come, first served."""
    return tuple(group.model for group in sorted(groups, key=_age))


def places(order: Sequence[str]) -> Mapping[str, int]:
    """Return for each model how many come before it."""
    return {model: place for place, model in enumerate(order)}


def _age(group: Group) -> tuple[float, str]:
    return group.oldest, group.model
