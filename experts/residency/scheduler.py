"""Keeps a memory of models: told what happens, it says what to do. It does nothing itself.

There is neither clock nor input or output in here, so the service drives it with real loads
(:mod:`.manager`) and the simulator with imagined ones (:mod:`.simulation`), and both see the same decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from experts.residency.actions import Action, Evict, Load, Start
from experts.residency.inventory import Inventory
from experts.residency.planning import Planner
from experts.residency.policy import eviction, grouping
from experts.residency.policy.grouping import NOBODY, Turns
from experts.residency.policy.loading import Plan
from experts.residency.policy.traffic import Traffic
from experts.residency.policy.values import Model, Resident, Rules, Tier
from experts.residency.queues import Queues

_Key = tuple[int, int, int]


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
        self.models = Inventory(rules.capacity, rules.pinned)
        self.queues = Queues()
        self._traffic = Traffic(rules.recent_seconds, rules.window_seconds)
        self._planner = Planner(rules, self.loaded, self.models, self.queues, self._traffic)
        self._plan: Plan | None = None
        self._changes = 0
        self._loading: str | None = None
        self._busy = 0
        self._turns: Turns = NOBODY
        self._turns_key: _Key = (-1, -1, -1)
        self._quiet_key: _Key = (-1, -1, -1)
        self._quiet_until = 0.0
        for model in models:
            self.models.add(model)

    # What is told.

    def arrived(
        self,
        request: int,
        model: str,
        now: float,
        *,
        category: str | None = None,
        probabilities: Mapping[str, float] | None = None,
        likely: Mapping[str, float] | None = None,
        counts: bool = True,
    ) -> None:
        """Tell of a request.

        Args:
            request: A number of its own.
            model: The model it needs; one that is known.
            now: Seconds.
            category: What kind of request it is.
            probabilities: How likely the router thought each model.
            likely: How likely the router thought each kind of request.
            counts: Whether it says anything of requests to come; what an operator wants does not.
        """
        self.queues.add(request, model, now)
        self._planner.unwanted.discard(model)
        if counts:
            self._traffic.seen(model, now, category, probabilities, likely)
        if model in self.loaded.residents:
            self.loaded.residents[model].used_at = now

    def gone(self, request: int, model: str) -> None:
        """Tell that a request does not wait any more."""
        self.queues.remove(request, model)

    def finished(self, model: str, now: float, seconds: float | None = None) -> None:
        """Tell that a request was answered, or will not be.

        Args:
            model: That it was started with.
            now: Seconds.
            seconds: How long it took, where it was answered.
        """
        self._changes += 1
        resident = self.loaded.residents[model]
        resident.in_use -= 1
        resident.used_at = now
        self._busy -= not resident.in_use
        if seconds is not None:
            self.models.answered(seconds)

    def was_loaded(self, model: str, now: float, seconds: float, size: int | None = None) -> None:
        """Tell that a load is done.

        Args:
            model: Which.
            now: Seconds.
            seconds: How long it took.
            size: Bytes that it takes, where that was measured.
        """
        self._changes += 1
        resident = self.loaded.residents[model]
        resident.ready, resident.used_at = True, now
        self._loading = None
        self.models.loaded(model, seconds)
        if size is not None:
            self.models.expect(model, size)
            resident.size = self.models.size(model)

    def was_not_loaded(self, model: str) -> list[int]:
        """Tell that a load failed; return the requests that waited for it, which wait no longer."""
        self._changes += 1
        del self.loaded.residents[model]
        self._loading = None
        self._planner.unwanted.add(model)
        return self.queues.drop(model)

    def is_there(self, model: str, now: float) -> None:
        """Tell that a model is in memory already, though it was not loaded from here."""
        self._changes += 1
        self.loaded.residents[model] = Resident(self.models.size(model), now)

    def was_evicted(self, model: str) -> None:
        """Tell that a model is out of memory."""
        self._changes += 1
        del self.loaded.residents[model]

    def let_go(self, model: str) -> Evict | None:
        """Return the eviction of a model that somebody wants out; ``None`` where it cannot go now."""
        one = self._usable(model)
        if one is None or one.in_use or model in self.queues or model in self.models.pinned:
            return None
        self._planner.unwanted.add(model)
        return self._evict(model, one)

    def pin(self, model: str) -> None:
        """Never take a model out from now on."""
        self._changes += 1
        self._plan = None
        self.models.pin(model)

    def unpin(self, model: str) -> None:
        """Let a model be taken out again."""
        self._changes += 1
        self.models.unpin(model)

    # What is asked.

    def actions(self, now: float) -> list[Action]:
        """Return what is to be done now; what is returned counts as begun."""
        if self._key() == self._quiet_key and now < self._quiet_until:
            return []  # Nothing has happened but that more wait for what others wait for as well.
        found = list(self._acts(now))
        if not found:
            self._quiet_key = self._key()
            self._quiet_until = min(self._turns.wake_at, self._planner.looks_at())
        return found

    def wake_at(self, now: float) -> float | None:
        """Return when to ask again although nothing was told: something becomes due then."""
        moment = self._turns_at(now).wake_at
        return moment if moment < float("inf") else None

    def shares(self, now: float) -> dict[str, float]:
        """Return for each model the share of the coming requests that is expected for it."""
        return self._traffic.shares(now)

    # How it is decided.

    def _key(self) -> _Key:
        return self.queues.version, self._changes, self.models.version

    def _turns_at(self, now: float) -> Turns:
        """Return whose turn it is, worked out anew only where something is not as it was."""
        key = self._key()
        if key != self._turns_key or now >= self._turns.wake_at:
            self._turns, self._turns_key = self._worked_out(now), key
        return self._turns

    def _worked_out(self, now: float) -> Turns:
        if self.rules.order == "fcfs":
            return grouping.by_age(self.queues.ages)
        end, loads = self.models.answer(), self.models.loads
        residents = self.loaded.residents
        under_way = 0.0 if self._loading is None else loads[self._loading]
        here = {
            model: under_way if not one.ready else end if one.in_use else 0.0
            for model, one in residents.items()
            if not one.leaving
        }
        return grouping.turns_of(
            self.queues.ages, here, loads, end + under_way, now, self.rules.max_wait
        )

    def _acts(self, now: float) -> Iterator[Action]:
        turns = self._turns_at(now)
        # One load at a time. What is to make way for it begins nothing more.
        free = self._loading is None
        if free and (self._plan is None or not self._planner.holds(self._plan, turns)):
            self._plan = self._planner.plan(turns, now)
        plan = self._plan
        yield from self._starts(turns)
        if not free:
            return
        if plan is None:
            yield from self._shed(turns, now)
        else:
            yield from self._carry_on(plan, now)

    def _starts(self, turns: Turns) -> Iterator[Start]:
        if self.rules.order == "fcfs":
            yield from self._starts_by_age()
            return
        leaving = self._plan.victims if self._plan else ()
        for model in (*turns.due, *turns.here):
            one = self._usable(model)
            if one is None or model in leaving:
                continue
            if self._has_lane(one):
                yield from self._start(model, one, self._slots(model) - one.in_use)
            elif model in turns.due:
                return  # Whatever else began would keep it from its turn.

    def _starts_by_age(self) -> Iterator[Start]:
        while self.queues.ages:
            _, head = self.queues.ages[0]
            one = self._usable(head)
            if one is None or one.in_use >= self._slots(head) or not self._has_lane(one):
                return
            yield from self._start(head, one, 1)

    def _start(self, model: str, resident: Resident, most: float) -> Iterator[Start]:
        for request in self.queues.take(model, max(most, 0)):
            self._changes += 1
            self._busy += not resident.in_use
            resident.in_use += 1
            yield Start(request, model)

    def _usable(self, model: str) -> Resident | None:
        one = self.loaded.residents.get(model)
        return one if one is not None and one.ready and not one.leaving else None

    def _slots(self, model: str) -> float:
        own = self.models[model].slots
        return self.rules.slots if own is None else own

    def _has_lane(self, resident: Resident) -> bool:
        return bool(resident.in_use) or self._busy < self.rules.lanes

    def _carry_on(self, plan: Plan, now: float) -> Iterator[Action]:
        gone = True
        for victim in plan.victims:
            resident = self.loaded.residents.get(victim)
            if resident and not resident.in_use and not resident.leaving:
                gone = False
                yield self._evict(victim, resident)
        size = self.models.size(plan.model)
        if gone and self.loaded.free >= size:
            self._plan = None
            self._changes += 1
            self._loading = plan.model
            self.loaded.residents[plan.model] = Resident(size, now, ready=False)
            yield Load(plan.model, self._map(plan.model, now), plan.asked)

    def _shed(self, turns: Turns, now: float) -> Iterator[Evict]:
        """Take something out where more is in memory than may be: sizes were thought smaller."""
        if self.loaded.free < 0:
            leavers = self._planner.leavers(turns, now)
            for victim in eviction.room(self.loaded, 0, leavers) or ():
                yield self._evict(victim, self.loaded.residents[victim])

    def _evict(self, model: str, resident: Resident) -> Evict:
        self._changes += 1
        resident.leaving = True
        return Evict(model)

    def _map(self, model: str, now: float) -> bool:
        """Note that a model passes through the tier below; return whether it was there already."""
        there = self.mapped.residents.get(model)
        if there:
            there.used_at = now
            return True
        size = self.models.size(model)
        if size <= self.mapped.capacity:
            if size > self.mapped.free:
                leavers = self._planner.below(self.mapped, now)
                for victim in eviction.room(self.mapped, size, leavers) or ():
                    del self.mapped.residents[victim]
            self.mapped.residents[model] = Resident(size, now)
        return False
