"""Who is served next: requests that wait, grouped by the model they need.

Serving a model's requests together loads it once for all of them (Read-ME, arXiv 2410.19123: route ahead,
batch by expert). Left alone, that lets a rare model starve behind busy ones. So a group whose oldest
request could not begin in time otherwise is *due*, and what is due goes first, oldest request first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

Ages = Sequence[tuple[float, str]]
"""For each model that requests wait for: when the oldest of them came, and which it is; rising."""


@dataclass(frozen=True)
class Turns:
    """Who is next. Each tuple has the oldest request first.

    Args:
        due: Models that have to be next.
        here: Others, in memory or on their way there: to serve them costs nothing.
        away: Others, which need a load.
        due_at: When the first of all will have to be next, or had to, in seconds.
        wake_at: When more than these will be due.
    """

    due: tuple[str, ...]
    here: tuple[str, ...]
    away: tuple[str, ...]
    due_at: float
    wake_at: float

    @cached_property
    def places(self) -> dict[str, int]:
        """How many come before each model that is due or here."""
        return {model: place for place, model in enumerate((*self.due, *self.here))}


NOBODY = Turns((), (), (), math.inf, math.inf)
"""Where nothing waits."""


def turns_of(
    ages: Ages,
    here: Mapping[str, float],
    loads: Mapping[str, float],
    before: float,
    now: float,
    max_wait: float,
) -> Turns:
    """Return whose turn it is.

    Groups that need a load are thought through one after another, as they would be loaded: once some
    group could not begin in time behind those before it, these have to begin, and so has it.

    Args:
        ages: All that wait.
        here: Seconds until the next request could begin, of each model in memory or on its way there.
        loads: Seconds of a load, of each other one.
        before: Seconds until a load can begin: the end of what is in the way.
        now: Seconds.
        max_wait: Seconds that a request may wait.
    """
    due_at = wake_at = math.inf
    ahead = 0.0
    until = 0
    for place, (oldest, model) in enumerate(ages, start=1):
        lead = here.get(model)
        if lead is None:
            lead = ahead = ahead + before + loads[model]
        moment = oldest + max_wait - lead
        if moment < due_at:
            due_at = moment
        if moment <= now:
            until, wake_at = place, math.inf
        elif moment < wake_at:
            wake_at = moment
    rest = [model for _, model in ages[until:]]
    return Turns(
        due=tuple(model for _, model in ages[:until]),
        here=tuple(model for model in rest if model in here),
        away=tuple(model for model in rest if model not in here),
        due_at=due_at,
        wake_at=wake_at,
    )


def by_age(ages: Ages) -> Turns:
    """Return the turns where whoever came first is served first: only one is next."""
    models = [model for _, model in ages]
    return Turns(tuple(models[:1]), tuple(models[1:]), (), math.inf, math.inf)


def by_yield(
    models: Sequence[str], count: Callable[[str], int], loads: Mapping[str, float]
) -> list[str]:
    """Return models that need a load, those with the most requests for the time of it first.

    Args:
        models: Which.
        count: Requests that wait for a model.
        loads: Seconds of a load, by model.
    """
    return sorted(models, key=lambda model: (-count(model) / max(loads[model], 1e-9), model))
