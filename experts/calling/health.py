"""Which experts and endpoints are down, from the calls that are made anyway: nobody is asked for it.

One breaker for each endpoint (:mod:`experts.calling.breaker`); an expert is down while none of its
endpoints takes a call. Each process sees its own calls; what it makes of them can be told to others
(:meth:`ExpertHealth.snapshot`) and heard from them (:meth:`ExpertHealth.heard`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field

from experts.calling.balancing import Replica
from experts.calling.breaker import Breaker, BreakerSettings, State
from experts.calling.budget import RetryBudget
from experts.calling.names import endpoint_names
from experts.catalogue.expert import Endpoint, Expert

NOWHERE = Endpoint()
"""Of an expert that needs no address."""


@dataclass(slots=True, eq=False)
class Fleet:
    """An expert's endpoints, as this process knows them.

    Args:
        expert: The entry they belong to.
        replicas: In the order of the entry; at least one.
        budget: Of asking this expert again.
    """

    expert: Expert
    replicas: tuple[Replica, ...]
    budget: RetryBudget = field(default_factory=RetryBudget)

    def ready(self, now: float) -> bool:
        """Tell whether a call has a chance."""
        for one in self.replicas:  # noqa: SIM110 (every request asks; a generator costs more)
            if one.ready(now):
                return True
        return False

    def admits(self, now: float) -> bool:
        """Tell whether an endpoint takes a call."""
        return any(one.breaker.admits(now) for one in self.replicas)


@dataclass(frozen=True, slots=True)
class BreakerView:
    """A breaker at one moment.

    Args:
        expert: Id of the expert.
        endpoint: Name of the endpoint.
        state: What it does with calls.
        opened_at: When it opened, in seconds of the clock; ``None`` while it is closed.
        until: When the next probe may go.
        reason: Code of the failure that opened it.
        changed_at: When its state last changed.
        outstanding: Calls under way from this process.
    """

    expert: str
    endpoint: str
    state: State
    opened_at: float | None = None
    until: float = 0.0
    reason: str = ""
    changed_at: float = -math.inf
    outstanding: int = 0


@dataclass(slots=True)
class ExpertHealth:
    """The endpoints of all experts, and who is down.

    Args:
        settings: When breakers open, and for how long.
        clock: Tells the time, in seconds.
    """

    settings: BreakerSettings = field(default_factory=BreakerSettings)
    clock: Callable[[], float] = time.monotonic
    changed: Callable[[Replica], None] | None = None
    """Is told of each breaker that this process has opened or closed; must not raise."""
    claim: Callable[[Replica], Awaitable[bool]] | None = None
    """Asks other processes for the right to try an endpoint; grants it where they cannot be asked."""
    _fleets: dict[str, Fleet] = field(default_factory=dict)
    _down: frozenset[str] = frozenset()
    _look_at: float = math.inf
    """When the first of those that are down may be tried again."""

    def down(self) -> frozenset[str]:
        """Return the ids of the experts that are down; the same object while nothing changes."""
        if self._down and self.clock() >= self._look_at:
            self._look()
        return self._down

    def fleet(self, expert: Expert) -> Fleet:
        """Return an expert's endpoints, made anew when its entry has others."""
        fleet = self._fleets.get(expert.id)
        if fleet is not None and fleet.expert is expert:
            return fleet
        if fleet is None or fleet.expert.endpoints != expert.endpoints:
            fleet = self._fleets[expert.id] = self._renewed(fleet, expert)
        fleet.expert = expert
        return fleet

    async def may_try(self, replica: Replica) -> bool:
        """Tell whether an endpoint that is half open may be tried from here, and now.

        Only one call at a time tries it, over all processes.
        """
        if self.claim is not None and not await self.claim(replica):
            replica.breaker.tried_elsewhere(self.clock())
            self._look()
            return False
        return replica.breaker.admits(self.clock())

    def began(self, replica: Replica) -> float:
        """Note that an endpoint is being called; return the time."""
        now = self.clock()
        replica.outstanding += 1
        if replica.breaker.opened_at is not None:
            replica.breaker.begin(now)
            self._look()
        return now

    def succeeded(
        self, replica: Replica, began: float, origin: str | None = None, *, slow: bool = False
    ) -> None:
        """Note that the call that began then was answered.

        Args:
            replica: Who was called.
            began: As :meth:`began` returned it.
            origin: Whose call it was.
            slow: Whether its first token took too long.
        """
        replica.outstanding -= 1
        now = self.clock()
        if replica.breaker.succeeded(began, now, origin, slow=slow):
            self._told(replica, now)

    def failed(
        self, replica: Replica, began: float, reason: str, origin: str | None = None
    ) -> None:
        """Note that the call that began then should have been answered and was not.

        Args:
            replica: Who was called.
            began: As :meth:`began` returned it.
            reason: Code of the failure.
            origin: Whose call it was, if the call itself may have been at fault.
        """
        replica.outstanding -= 1
        now = self.clock()
        if replica.breaker.failed(began, now, reason, origin):
            self._told(replica, now)

    def left(self, replica: Replica, began: float) -> None:
        """Note that the call that began then has ended, and says nothing of the endpoint."""
        replica.outstanding -= 1
        if replica.breaker.opened_at is not None:
            replica.breaker.left(began)
            self._look()

    def rest(self, replica: Replica, seconds: float) -> None:
        """Leave an endpoint alone for a while, where there are others."""
        replica.rests_until = max(replica.rests_until, self.clock() + seconds)

    def forget(self, expert: str) -> None:
        """Start anew with an expert, since its entry has changed or is gone."""
        if self._fleets.pop(expert, None) is not None:
            self._look()

    def reset(self, expert: str, endpoint: str | None = None) -> tuple[str, ...]:
        """Close an expert's breakers.

        Args:
            expert: Id of the expert.
            endpoint: Name of one endpoint; ``None``: all.

        Returns:
            Names of the endpoints that it has been done for.
        """
        fleet = self._fleets.get(expert)
        chosen = [
            one
            for one in (fleet.replicas if fleet else ())
            if endpoint is None or one.name == endpoint
        ]
        now = self.clock()
        for replica in chosen:
            replica.breaker.close()
            replica.rests_until = 0.0
            self._told(replica, now)
        return tuple(one.name for one in chosen)

    def rekeyed(self, secrets: Collection[str]) -> None:
        """Close the breakers of endpoints whose key is another now: it may have been at fault.

        Args:
            secrets: Names of stored secrets that are new or have changed.
        """
        now = self.clock()
        for fleet in list(self._fleets.values()):
            for replica in fleet.replicas:
                key = replica.endpoint.api_key
                concerned = key is not None and key.stored in secrets
                if concerned and replica.breaker.opened_at is not None:
                    replica.breaker.close()
                    self._told(replica, now)

    def heard(self, expert: Expert, view: BreakerView) -> bool:
        """Take over what another process has found, unless this one knows something later.

        Args:
            expert: The entry in force.
            view: The other's breaker, in seconds of this process's clock.

        Returns:
            Whether it was taken over.
        """
        replica = next((r for r in self.fleet(expert).replicas if r.name == view.endpoint), None)
        if replica is None or view.changed_at <= replica.changed_at:
            return False
        replica.changed_at = view.changed_at
        if view.opened_at is None:
            replica.breaker.close()
        else:
            replica.breaker.open(view.opened_at, view.until, view.reason)
        self._look()
        return True

    def snapshot(self) -> Iterator[BreakerView]:
        """Yield the breaker of every endpoint that is known to this process."""
        now = self.clock()
        for fleet in list(self._fleets.values()):
            for replica in fleet.replicas:
                yield self.view(replica, now)

    def view(self, replica: Replica, now: float | None = None) -> BreakerView:
        """Return how the breaker of one endpoint is."""
        breaker = replica.breaker
        return BreakerView(
            expert=replica.expert,
            endpoint=replica.name,
            state=breaker.state(self.clock() if now is None else now),
            opened_at=breaker.opened_at,
            until=breaker.until,
            reason=breaker.reason,
            changed_at=replica.changed_at,
            outstanding=replica.outstanding,
        )

    def half_open(self) -> Iterator[tuple[Expert, Replica]]:
        """Yield the endpoints that wait for somebody to try them."""
        now = self.clock()
        for fleet in list(self._fleets.values()):
            for replica in fleet.replicas:
                if replica.breaker.opened_at is not None and replica.breaker.admits(now):
                    yield fleet.expert, replica

    def _renewed(self, before: Fleet | None, expert: Expert) -> Fleet:
        """Return the fleet of an entry; endpoints that stay as they were keep their state."""
        known = {one.name: one for one in before.replicas} if before else {}
        endpoints = expert.endpoints or (NOWHERE,)
        replicas = []
        for name, endpoint in zip(endpoint_names(endpoints), endpoints, strict=True):
            kept = known.get(name)
            if kept is None or kept.endpoint != endpoint:
                kept = Replica(expert.id, name, endpoint, Breaker(self.settings))
            replicas.append(kept)
        return Fleet(expert, tuple(replicas), before.budget if before else RetryBudget())

    def _told(self, replica: Replica, now: float) -> None:
        replica.changed_at = now
        self._look()
        fleet = self._fleets.get(replica.expert)
        # A call may outlive the entry that it was made by; what becomes of it is nobody's any more.
        if self.changed is not None and fleet is not None and replica in fleet.replicas:
            self.changed(replica)

    def _look(self) -> None:
        now = self.clock()
        down = {id_: fleet for id_, fleet in self._fleets.items() if not fleet.admits(now)}
        # A probe that is never heard of again is given up some time: look once in a while.
        self._look_at = min(
            (
                one.breaker.until if one.breaker.until > now else now + self.settings.cool_down
                for fleet in down.values()
                for one in fleet.replicas
            ),
            default=math.inf,
        )
        if down.keys() != self._down:
            self._down = frozenset(down)
