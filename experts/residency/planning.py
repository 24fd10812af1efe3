"""Which load is next, under the rules: what is due, then what is asked for, then what is likely to be."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

from experts.residency.inventory import Inventory
from experts.residency.policy import eviction, grouping, loading
from experts.residency.policy.grouping import NOBODY, Turns
from experts.residency.policy.loading import Plan
from experts.residency.policy.traffic import Traffic
from experts.residency.policy.values import Rules, Tier
from experts.residency.queues import Queues

AHEAD_EVERY = 1.0
"""Seconds between two looks at what nobody has asked for yet."""
_REST = 10.0
"""Nothing that was used so many loads' time ago makes way for what is only likely to be wanted."""


class Planner:
    """Decides on loads into one memory, and on what leaves for them.

    Args:
        rules: How memory is kept.
        tier: The memory.
        models: What is known of them.
        queues: Who waits.
        traffic: What is expected.
    """

    def __init__(
        self, rules: Rules, tier: Tier, models: Inventory, queues: Queues, traffic: Traffic
    ) -> None:
        self._rules = rules
        self._tier = tier
        self._models = models
        self._queues = queues
        self._traffic = traffic
        self._looked_at = -math.inf
        self._looks = rules.order == "grouped" and rules.prefetch <= 1.0
        self.unwanted: set[str] = set()
        """Models whose last load failed, or that somebody wanted out: nobody loads them unasked."""

    def holds(self, plan: Plan, turns: Turns) -> bool:
        """Tell whether a plan is still wanted: by somebody, and before what has to be first."""
        residents = self._tier.residents
        if plan.model in residents or (plan.asked and plan.model not in self._queues):
            return False
        if not plan.asked and next(self._absent(turns), None) is not None:
            return False
        absent = (model for model in turns.due if model not in residents)
        return next(absent, plan.model) == plan.model

    def plan(self, turns: Turns, now: float) -> Plan | None:
        """Return the next load, if there is one to be done now.

        Args:
            turns: Whose turn it is.
            now: Seconds.
        """
        if next(self._absent(turns), None) is not None:
            found = self._asked_for(turns, now)
            if found is not None:
                return found
        if now < self.looks_at():
            return None
        self._looked_at = now
        return self._ahead(turns, now)

    def looks_at(self) -> float:
        """Return when to look again at what nobody has asked for, in seconds."""
        return self._looked_at + AHEAD_EVERY if self._looks else math.inf

    def leavers(self, turns: Turns, now: float) -> list[str]:
        """Return who could leave at once, the one worth least first."""
        stay = self._tier.busy() | self._models.pinned
        return eviction.leavers(self._tier, self._worth(self._tier, turns, now), stay)

    def below(self, tier: Tier, now: float) -> list[str]:
        """Return who could leave the tier below, the one worth least first."""
        return eviction.leavers(tier, self._worth(tier, NOBODY, now), ())

    def _absent(self, turns: Turns) -> Iterator[str]:
        """Yield the models that requests wait for and that are not in memory, by their turns."""
        residents = self._tier.residents
        for model in (*turns.due, *turns.here, *turns.away):
            if model not in residents:
                yield model

    def _asked_for(self, turns: Turns, now: float) -> Plan | None:
        tier, size = self._tier, self._models.size
        worth = self._worth(tier, turns, now)
        for place, model in enumerate(turns.due):
            if model not in tier.residents:
                # Where there is no room even so, nothing else is loaded.
                return loading.due(tier, model, turns.due[:place], worth, size, self._models.pinned)
        if self._rules.order == "fcfs":
            return None
        away = [model for model in turns.away if model not in tier.residents]
        stay = self._stay()
        if not away or min(map(size, away)) > self._most_room(stay):
            return None
        absent = grouping.by_yield(away, self._queues.count, self._models.loads)
        return loading.asked_for(
            tier, absent, worth, size, stay, lambda model: self._in_time(model, turns, now)
        )

    def _ahead(self, turns: Turns, now: float) -> Plan | None:
        tier, models = self._tier, self._models
        stay = self._stay()
        if self._most_room(stay) < min(models.sizes().values(), default=0):
            return None
        likely = {
            model
            for model, share in self._traffic.shares(now).items()
            if share >= self._rules.prefetch and model in models and model not in self.unwanted
        }
        if likely <= tier.residents.keys():
            return None
        wanted = {model: self._density(model, now) for model in likely | tier.residents.keys()}
        used = {
            model
            for model, one in tier.residents.items()
            if now - one.used_at < _REST * models.loads[model]
        }
        return loading.ahead(
            tier,
            wanted,
            self._worth(tier, turns, now),
            models.size,
            stay | used,
            lambda model: self._in_time(model, turns, now),
        )

    def _stay(self) -> set[str]:
        """Return what is not taken out for something that is not due."""
        return self._models.pinned | {
            model
            for model, one in self._tier.residents.items()
            if one.in_use or model in self._queues
        }

    def _most_room(self, stay: Collection[str]) -> float:
        """Return the bytes that there would be if all had left that may."""
        return self._tier.capacity - sum(
            one.size
            for model, one in self._tier.residents.items()
            if model in stay and not one.leaving
        )

    def _in_time(self, model: str, turns: Turns, now: float) -> bool:
        return now + self._models.loads[model] <= turns.due_at

    def _worth(self, tier: Tier, turns: Turns, now: float) -> eviction.Worth:
        return eviction.worth(
            self._rules.eviction, tier, turns, lambda model: self._density(model, now)
        )

    def _density(self, model: str, now: float) -> float:
        """Return what having a model is likely to save, for each byte that it takes."""
        need = self._traffic.need(model, now)
        return need * self._models.loads[model] / max(self._models.size(model), 1)
