"""The way from one endpoint to the next until somebody answers. No I/O: it only says where to go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from experts.calling.balancing import Replica, choose
from experts.calling.health import ExpertHealth, Fleet
from experts.calling.options import CallRules
from experts.calling.verdict import Move, move_after
from experts.catalogue.expert import Expert
from experts.errors import (
    ExpertError,
    ExpertFailed,
    ExpertMisconfigured,
    RequestRefused,
    without_frames,
)

_LEAST_SECONDS = 0.01
"""With less time than this nobody is asked any more."""


class Place(NamedTuple):
    """Where a call goes.

    Args:
        expert: The catalogue entry.
        fleet: Its endpoints.
        replica: One of them.
        wait: Seconds to wait before.
    """

    expert: Expert
    fleet: Fleet
    replica: Replica
    wait: float = 0.0


@dataclass(slots=True)
class Course:
    """Who has been asked for one answer, and who is next.

    Endpoints of an expert go before other experts, and other experts in the order given. Each is
    asked once; the same endpoint again only after a failure that may pass, and after a wait. Within
    one expert that costs of its retry budget.

    Args:
        experts: Who may answer, best first; at least one.
        health: Knows their endpoints.
        rules: How many are asked, and how long is waited.
        chance: Returns a random number from 0 to 1.
    """

    experts: Sequence[Expert]
    health: ExpertHealth
    rules: CallRules
    chance: Callable[[], float]
    asked: int = 0
    _left: list[Expert] = field(init=False)
    _tried: set[Replica] = field(default_factory=set)
    _retries: dict[str, int] = field(default_factory=dict)
    _room: int = 0
    """Experts with no more room than this cannot take the request."""
    _errors: list[ExpertError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._left = list(self.experts)

    def first(self) -> Place:
        """Return where to begin: the best expert with an endpoint that is not known to be down."""
        place = self._other_expert()
        if place is None:
            raise ValueError("nobody is there to be asked")
        return place

    def after(self, place: Place, error: ExpertError, left: float) -> Place | None:
        """Return where to go after a failure, or ``None`` where it ends.

        Args:
            place: Who has failed.
            error: How.
            left: Seconds until somebody has to have answered.
        """
        self._errors.append(without_frames(error))
        if self.asked >= self.rules.attempts or left < _LEAST_SECONDS:
            return None
        move = move_after(error)
        if move is Move.LARGER:
            self._room = max(self._room, place.expert.context_window)
            return self._other_expert()
        if move is Move.NOBODY:
            return None if self._only_refused() else self._other_expert()
        if move is Move.ONWARD:
            return self._other_expert() or self._sibling(place, waiting=True)
        return (
            self._sibling(place)
            or (self._again(place, error, left) if move is Move.AGAIN else None)
            or self._other_expert()
            or self._sibling(place, waiting=True)
        )

    def beside(self, place: Place) -> Place | None:
        """Return where to ask beside a call that is slow, or ``None`` where there is nobody."""
        if self.asked >= self.rules.attempts:
            return None
        return self._sibling(place) or self._other_expert(ready=True)

    def instead(self, place: Place) -> Place | None:
        """Return where to ask instead of an endpoint that somebody else is trying, if there is one.

        The one that is passed by comes last from now on.
        """
        self.asked -= 1
        other = self._sibling(place)
        if other is None:
            other = self._other_expert(ready=True)
            if other is not None:
                self._left.append(place.expert)
        if other is None:
            self.asked += 1
        else:
            self._tried.discard(place.replica)
        return other

    def without(self, place: Place) -> Place | None:
        """Return where to go instead of an expert that may not be asked, if there is anybody."""
        self.asked -= 1
        self._tried.discard(place.replica)
        return self._other_expert()

    def more(self, place: Place) -> bool:
        """Tell whether somebody else could be asked."""
        if self.asked >= self.rules.attempts:
            return False
        return self._any_left() or any(one not in self._tried for one in place.fleet.replicas)

    def verdict(self, last: ExpertError) -> ExpertError:
        """Return the error to end with: the last failure, before what was refused or cannot work.

        Args:
            last: What it ended with, where nobody could be asked.
        """
        failures = [e for e in self._errors if isinstance(e, ExpertFailed)]
        unworkable = [e for e in self._errors if isinstance(e, ExpertMisconfigured)]
        return (failures or unworkable or self._errors or [last])[-1]

    @property
    def begins(self) -> bool:
        """Whether nobody but the best expert has been asked, and that one once at most."""
        best = self.experts[0]
        return self.asked <= 1 and not any(one is best for one in self._left)

    def _other_expert(self, *, ready: bool = False) -> Place | None:
        """Go to the next expert; one that is down only where there is no other, if at all."""
        now, down = self.health.clock(), None
        for one in self._left:
            if one.context_window <= self._room:
                continue
            fleet = self.health.fleet(one)
            if fleet.ready(now):
                return self._enter(one, fleet, now)
            down = down or one
        return None if ready or down is None else self._enter(down, self.health.fleet(down), now)

    def _enter(self, expert: Expert, fleet: Fleet, now: float) -> Place:
        """Go to an expert that was not asked before."""
        self._left.remove(expert)
        fleet.budget.called()
        return self._at(expert, fleet, choose(fleet.replicas, now, self._tried))

    def _sibling(self, place: Place, *, waiting: bool = False) -> Place | None:
        """Go to another endpoint of the same expert; one that is down only if that is allowed."""
        now, fleet = self.health.clock(), place.fleet
        others = [one for one in fleet.replicas if one not in self._tried]
        if not any(waiting or one.ready(now) for one in others):
            return None
        if not fleet.budget.take(now):
            return None
        return self._at(place.expert, fleet, choose(fleet.replicas, now, self._tried))

    def _again(self, place: Place, error: ExpertError, left: float) -> Place | None:
        """Go to the same endpoint after a while, if that is worth the wait."""
        rules, expert = self.rules, place.expert
        now, retries = self.health.clock(), self._retries.get(expert.id, 0)
        if retries >= rules.retries or not place.replica.breaker.admits(now):
            return None
        wait = rules.backoff.seconds(retries, self.chance()) + (error.retry_after or 0.0)
        longest = rules.patience if self._any_left() else rules.longest_wait
        if wait > min(longest, left - _LEAST_SECONDS):
            return None
        if not place.fleet.budget.take(now):
            return None
        self._retries[expert.id] = retries + 1
        return self._at(expert, place.fleet, place.replica, wait)

    def _at(self, expert: Expert, fleet: Fleet, replica: Replica, wait: float = 0.0) -> Place:
        self.asked += 1
        self._tried.add(replica)
        return Place(expert, fleet, replica, wait)

    def _any_left(self) -> bool:
        return any(one.context_window > self._room for one in self._left)

    def _only_refused(self) -> bool:
        return all(isinstance(one, RequestRefused) for one in self._errors)
