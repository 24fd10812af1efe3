"""Keeps a memory of models: told what happens, it says what to do. It does nothing itself.

There is neither clock nor input or output in here, so the service drives it with real loads
(:mod:`.manager`) and the simulator with imagined ones (:mod:`.simulation`), and both see the same decisions.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from experts.residency.actions import Action, Evict, Load, Start
from experts.residency.durations import Durations
from experts.residency.policy import eviction, grouping, loading
from experts.residency.policy.loading import Plan
from experts.residency.policy.traffic import Traffic
from experts.residency.policy.turns import NOBODY, Turns, turns_of
from experts.residency.policy.values import Model, Resident, Rules, Tier

_AHEAD_EVERY = 1.0
"""Seconds between two looks at what nobody has asked for yet."""
_REST = 10.0
"""Nothing that was used so many loads' time ago makes way for what is only likely to be wanted."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: int
    arrived: float


class Scheduler:
    """Decides what is started, loaded and evicted.

    Args:
        rules: How memory is kept.
        models: That there are; more can be added.
    """

    def __init__(self, rules: Rules, models: Iterable[Model] = ()) -> None:
        self.rules = rules
        self.loaded = Tier(rules.capacity)
        self.mapped = Tier(rules.mapped)
        self.durations = Durations()
        self._models: dict[str, Model] = {}
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._traffic = Traffic(rules.recent_seconds, rules.window_seconds)
        self._plan: Plan | None = None
        self._ahead_at = -math.inf
        self._failed: set[str] = set()
        for model in models:
            self.add(model)

    # What is told.

    def add(self, model: Model) -> None:
        """Make a model known, or its size anew."""
        self._models[model.name] = model

    def expect(self, model: str, size: int) -> None:
        """Tell what a model will take, as far as is known by now.

        Args:
            model: Which.
            size: Bytes. More than there may be counts as all that there may be.
        """
        size = int(min(size, self.rules.capacity))
        self.add(replace(self._models[model], size=size))

    def arrived(
        self,
        request: int,
        model: str,
        now: float,
        *,
        category: str | None = None,
        probabilities: Mapping[str, float] | None = None,
    ) -> None:
        """Tell of a request.

        Args:
            request: A number of its own.
            model: The model it needs; one that was added.
            now: Seconds.
            category: What kind of request it is.
            probabilities: How likely the router thought each model.
        """
        self._waiting.setdefault(model, deque()).append(_Waiting(request, now))
        self._failed.discard(model)
        self._traffic.seen(model, now, category, probabilities)
        if model in self.loaded.residents:
            self.loaded.residents[model].used_at = now

    def gone(self, request: int, model: str) -> None:
        """Tell that a request does not wait any more."""
        left = deque(one for one in self._waiting.get(model, ()) if one.request != request)
        self._keep_waiting(model, left)

    def finished(self, model: str, now: float, seconds: float | None = None) -> None:
        """Tell that a request was answered, or will not be.

        Args:
            model: That it was started with.
            now: Seconds.
            seconds: How long it took, where it was answered.
        """
        resident = self.loaded.residents[model]
        resident.in_use -= 1
        resident.used_at = now
        if seconds is not None:
            self.durations.answered(seconds)

    def was_loaded(self, model: str, now: float, seconds: float, size: int | None = None) -> None:
        """Tell that a load is done.

        Args:
            model: Which.
            now: Seconds.
            seconds: How long it took.
            size: Bytes that it takes, where that was measured. More than there may be counts as all
                that there may be, since it could never be loaded again otherwise.
        """
        resident = self.loaded.residents[model]
        resident.ready, resident.used_at = True, now
        self.durations.loaded(model, seconds)
        if size is not None:
            self.expect(model, size)
            resident.size = self.size(model)

    def was_not_loaded(self, model: str) -> list[int]:
        """Tell that a load failed; return the requests that waited for it, which wait no longer."""
        del self.loaded.residents[model]
        self._failed.add(model)
        return [one.request for one in self._waiting.pop(model, ())]

    def is_there(self, model: str, now: float) -> None:
        """Tell that a model is in memory already, though it was not loaded from here."""
        self.loaded.residents[model] = Resident(self.size(model), now)

    def was_evicted(self, model: str) -> None:
        """Tell that a model is out of memory."""
        del self.loaded.residents[model]

    # What is asked.

    def actions(self, now: float) -> list[Action]:
        """Return what is to be done now; what is returned counts as begun."""
        turns = turns_of(self._groups(), self.rules, now)
        # One load at a time. What is to make way for it begins nothing more.
        free = all(one.ready for one in self.loaded.residents.values())
        if free and (self._plan is None or not self._holds(self._plan, turns)):
            self._plan = self._decide(turns, now)
        found: list[Action] = list(self._starts(turns))
        if not free:
            return found
        plan = self._plan
        return found + (self._shed(turns, now) if plan is None else self._carry_on(plan, now))

    def wake_at(self, now: float) -> float | None:
        """Return when to ask again although nothing was told: something becomes due then."""
        if self.rules.order == "fcfs":
            return None
        moments = grouping.due_moments(self._groups(), self.rules.max_wait)
        return min((moment for moment in moments if moment > now), default=None)

    def size(self, model: str) -> int:
        """Return the bytes that a model takes, or would take."""
        return self._models[model].size

    def load_seconds(self, model: str) -> float:
        """Return how long a load is thought to take."""
        known = self._models[model]
        return self.durations.load_of(model, known.load_seconds)

    def waiting(self, model: str) -> int:
        """Return how many requests wait for a model."""
        return len(self._waiting.get(model, ()))

    def shares(self, now: float) -> dict[str, float]:
        """Return for each model the share of the coming requests that is expected for it."""
        return self._traffic.shares(now)

    # How it is decided.

    def _groups(self) -> list[grouping.Group]:
        found = []
        end = self.durations.answer()
        under_way = sum(
            self.load_seconds(model)
            for model, one in self.loaded.residents.items()
            if not one.ready
        )
        for model, queue in self._waiting.items():
            one = self.loaded.residents.get(model)
            if one is None or one.leaving:
                lead = end + self.load_seconds(model) + under_way
                ready = False
            else:
                lead = under_way if not one.ready else end if one.in_use else 0.0
                ready = True
            found.append(grouping.Group(model, queue[0].arrived, len(queue), ready, lead))
        return found

    def _starts(self, turns: Turns) -> Iterator[Start]:
        if self.rules.order == "fcfs":
            yield from self._starts_by_age()
            return
        leaving = self._plan.victims if self._plan else ()
        for model in turns.order:
            one = self._usable(model)
            if one is None or model in leaving:
                continue
            if self._has_lane(one):
                yield from self._start(model, one, self._slots(model) - one.in_use)
            elif model in turns.due:
                return  # Whatever else began would keep it from its turn.

    def _starts_by_age(self) -> Iterator[Start]:
        while self._waiting:
            head = min(self._waiting, key=lambda each: (self._waiting[each][0].arrived, each))
            one = self._usable(head)
            if one is None or one.in_use >= self._slots(head) or not self._has_lane(one):
                return
            yield from self._start(head, one, 1)

    def _usable(self, model: str) -> Resident | None:
        one = self.loaded.residents.get(model)
        return one if one is not None and one.ready and not one.leaving else None

    def _slots(self, model: str) -> float:
        own = self._models[model].slots
        return self.rules.slots if own is None else own

    def _has_lane(self, resident: Resident) -> bool:
        if resident.in_use:
            return True
        busy = sum(1 for one in self.loaded.residents.values() if one.in_use)
        return busy < self.rules.lanes

    def _start(self, model: str, resident: Resident, most: float) -> Iterator[Start]:
        queue = self._waiting[model]
        for _ in range(int(min(most, len(queue)))):
            resident.in_use += 1
            yield Start(queue.popleft().request, model)
        self._keep_waiting(model, queue)

    def _holds(self, plan: Plan, turns: Turns) -> bool:
        """Tell whether a plan is still wanted: by somebody, and before what has to be first."""
        if plan.model in self.loaded.residents or (plan.asked and plan.model not in self._waiting):
            return False
        if not plan.asked and not turns.there(self.loaded):
            return False
        absent = (model for model in turns.due if model not in self.loaded.residents)
        return next(absent, plan.model) == plan.model

    def _carry_on(self, plan: Plan, now: float) -> list[Action]:
        found: list[Action] = []
        for victim in plan.victims:
            resident = self.loaded.residents.get(victim)
            if resident and not resident.in_use and not resident.leaving:
                resident.leaving = True
                found.append(Evict(victim))
        size = self._models[plan.model].size
        if self.loaded.free >= size and not found:
            self._plan = None
            self.loaded.residents[plan.model] = Resident(size, now, ready=False)
            found.append(Load(plan.model, self._map(plan.model, now), plan.asked))
        return found

    def _decide(self, turns: Turns, now: float) -> Plan | None:
        absent = not turns.there(self.loaded)
        looks = self._looks_ahead(now)
        if not absent and not looks:
            return None
        densities = self._densities(now)
        worths = self._worths(self.loaded, turns, densities)
        if absent:
            order = turns.order if self.rules.order == "grouped" else turns.due
            plan = loading.asked_for(
                self.loaded,
                order,
                turns.due,
                worths,
                self.size,
                self.rules.pinned,
                lambda model: now + self.load_seconds(model) <= turns.due_at,
            )
            if plan is not None:
                return plan
        return self._ahead(turns, densities, worths, now) if looks else None

    def _looks_ahead(self, now: float) -> bool:
        return (
            self.rules.order == "grouped"
            and self.rules.prefetch <= 1.0
            and now >= self._ahead_at + _AHEAD_EVERY
        )

    def _ahead(
        self,
        turns: Turns,
        densities: Mapping[str, float],
        worths: Mapping[str, eviction.Worth],
        now: float,
    ) -> Plan | None:
        self._ahead_at = now
        shares = self._traffic.shares(now)
        wanted = {
            model: density
            for model, density in densities.items()
            if model in self.loaded.residents
            or (shares[model] >= self.rules.prefetch and model not in self._failed)
        }
        used = {
            model
            for model, one in self.loaded.residents.items()
            if now - one.used_at < _REST * self.load_seconds(model)
        }
        return loading.ahead(
            self.loaded,
            turns.order,
            wanted,
            worths,
            self.size,
            self.rules.pinned | used,
            lambda model: now + self.load_seconds(model) <= turns.due_at,
        )

    def _shed(self, turns: Turns, now: float) -> list[Action]:
        """Take something out where more is in memory than may be: sizes were thought smaller."""
        if self.loaded.free >= 0:
            return []
        worths = self._worths(self.loaded, turns, self._densities(now))
        busy = {model for model, one in self.loaded.residents.items() if one.in_use}
        found: list[Action] = []
        for victim in eviction.room(self.loaded, 0, worths, self.rules.pinned | busy) or ():
            self.loaded.residents[victim].leaving = True
            found.append(Evict(victim))
        return found

    def _map(self, model: str, now: float) -> bool:
        """Note that a model passes through the tier below; return whether it was there already."""
        there = self.mapped.residents.get(model)
        if there:
            there.used_at = now
            return True
        size = self.size(model)
        if size <= self.mapped.capacity:
            worths = self._worths(self.mapped, NOBODY, self._densities(now))
            for victim in eviction.room(self.mapped, size, worths, ()) or ():
                del self.mapped.residents[victim]
            self.mapped.residents[model] = Resident(size, now)
        return False

    def _worths(
        self, tier: Tier, turns: Turns, densities: Mapping[str, float]
    ) -> dict[str, eviction.Worth]:
        return eviction.worth(self.rules.eviction, tier, grouping.places(turns.order), densities)

    def _densities(self, now: float) -> dict[str, float]:
        """Return what having each model is likely to save, for each byte that it takes."""
        if self.rules.eviction == "lru" and self.rules.prefetch > 1.0:
            return {}
        return {
            model: need * self.load_seconds(model) / max(self.size(model), 1)
            for model, need in self._traffic.needs(now).items()
            if model in self._models
        }

    def _keep_waiting(self, model: str, queue: deque[_Waiting]) -> None:
        if queue:
            self._waiting[model] = queue
        else:
            self._waiting.pop(model, None)
