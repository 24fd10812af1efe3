"""A circuit breaker (Nygard, Release It!, 2007) for one endpoint of one expert. Pure.

::

    closed ── too many failures ──> open ── cool-down over ──> half open ── an answer ──> closed
                                      ^                            │
                                      └──────── a failure ─────────┘

Whoever uses it tells the time, so a test can. A call that began before the breaker opened says
nothing of how the endpoint is now, and is not heeded.

What opens it is chosen so that no single caller can: a request can be written so that a server
fails at it, and refusals and short deadlines never count. Failures in a row count if they come from
more than one caller, or are of a kind that nobody can provoke; a share of failures counts once there are enough
calls to speak of a share, and only if it is as large without the caller who had most of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from experts.calling.window import FAILED, SLOW, Window

_MOMENT = 1.0
"""Seconds after which it is asked again whether another process still tries it."""


class State(StrEnum):
    """What a breaker does with calls."""

    CLOSED = "closed"
    """Lets all through."""
    OPEN = "open"
    """Lets none through."""
    HALF_OPEN = "half_open"
    """Lets a few through, to see."""


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker opens, and for how long.

    Args:
        failures: In a row, that open it.
        row_seconds: How long a row may take; one that takes longer begins anew.
        window: Seconds over which shares are taken.
        volume: Calls within the window from which on shares count.
        failure_rate: Share of failures that opens it.
        slow_rate: Share of slow calls that opens it.
        slow_seconds: What is slow: seconds until the first token.
        cool_down: Seconds until the first probe; doubled with every probe that fails.
        longest_cool_down: The most it is doubled to.
        probes: Calls let through at once while it is half open.
    """

    failures: int = 3
    row_seconds: float = 600.0
    window: float = 60.0
    volume: int = 10
    failure_rate: float = 0.5
    slow_rate: float = 0.8
    slow_seconds: float = 60.0
    cool_down: float = 30.0
    longest_cool_down: float = 240.0
    probes: int = 1


@dataclass(slots=True)
class Breaker:
    """The state of one endpoint.

    Args:
        settings: When it opens, and for how long.
    """

    settings: BreakerSettings
    opened_at: float | None = None
    until: float = 0.0
    """When the first probe may go, while it is open."""
    reason: str = ""
    """Code of the failure that opened it."""
    cool_down: float = 0.0
    """Seconds that it was opened for; a probe that nobody heard of for so long is given up."""
    _probes: list[float] = field(default_factory=list)
    """When each probe under way was let through."""
    _row: int = 0
    _row_began: float = 0.0
    _blamed: set[object] = field(default_factory=set)
    """Who the failures of the row came from."""
    _window: Window | None = None

    def state(self, now: float) -> State:
        """Return what it does with calls now."""
        if self.opened_at is None:
            return State.CLOSED
        return State.OPEN if now < self.until else State.HALF_OPEN

    def admits(self, now: float) -> bool:
        """Tell whether a call would be let through."""
        if self.opened_at is None:
            return True
        return now >= self.until and self._probing(now) < self.settings.probes

    def begin(self, now: float) -> None:
        """Note that a call begins: a probe, where it is half open."""
        if self.opened_at is not None and now >= self.until:
            self._probes.append(now)

    def tried_elsewhere(self, now: float) -> None:
        """Note that another process tries it: what comes of that will be told, within a moment or later."""
        self.until = max(self.until, now + _MOMENT)

    def succeeded(
        self, began: float, now: float, origin: str | None = None, *, slow: bool = False
    ) -> bool:
        """Note an answer.

        Args:
            began: When the call began.
            now: The time.
            origin: Whose call it was.
            slow: Whether its first token took too long.

        Returns:
            Whether the state has changed.
        """
        if self.opened_at is not None:
            if began < self.opened_at or slow:
                return False
            self.close()
            return True
        if self._row:
            self._end_row()
        window = self._counted(now, origin, SLOW if slow else None)
        settings = self.settings
        if slow and window.too_many(SLOW, settings.slow_rate, settings.volume):
            self._open(now, "slow", settings.cool_down)
            return True
        return False

    def failed(self, began: float, now: float, reason: str, origin: str | None = None) -> bool:
        """Note a failure of the endpoint's.

        Args:
            began: When the call began.
            now: The time.
            reason: Code of the failure.
            origin: Whose call it was, where the call itself may be what the endpoint failed at;
                ``None``: nobody can have brought it about.

        Returns:
            Whether the state has changed.
        """
        if self.opened_at is not None:
            if began < self.opened_at or now < self.until:
                self._release(began)
                return False
            self._open(now, reason, min(self.cool_down * 2, self.settings.longest_cool_down))
            return True
        if not self._row or now - self._row_began > self.settings.row_seconds:
            self._end_row()
            self._row_began = now
        self._row += 1
        self._blamed.add(object() if origin is None else origin)
        window, settings = self._counted(now, origin, FAILED), self.settings
        in_a_row = self._row >= settings.failures and len(self._blamed) > 1
        if in_a_row or window.too_many(FAILED, settings.failure_rate, settings.volume):
            self._open(now, reason, settings.cool_down)
            return True
        return False

    def left(self, began: float) -> None:
        """Note that a call has ended and says nothing: refused, cancelled, or cut short by us."""
        self._release(began)

    def open(self, opened_at: float, until: float, reason: str) -> None:
        """Open it on another's word.

        Args:
            opened_at: When the other opened it.
            until: When it is to be tried again.
            reason: Code of the failure.
        """
        self.opened_at, self.until, self.reason = opened_at, until, reason
        self.cool_down = max(until - opened_at, self.settings.cool_down)
        self._probes.clear()

    def close(self) -> None:
        """Close it and forget what was."""
        self.opened_at, self.until, self.reason = None, 0.0, ""
        self._probes.clear()
        self._end_row()
        self._window = None

    def _open(self, now: float, reason: str, cool_down: float) -> None:
        self.open(now, now + cool_down, reason)
        self.cool_down = cool_down

    def _counted(self, now: float, origin: str | None, bad: int | None) -> Window:
        if self._window is None:
            self._window = Window(self.settings.window)
        self._window.add(now, origin, bad)
        return self._window

    def _end_row(self) -> None:
        self._row = 0
        self._blamed.clear()

    def _probing(self, now: float) -> int:
        """Return how many probes are under way; one that nobody heard of again is given up."""
        if self._probes:
            self._probes = [at for at in self._probes if now - at < self.cool_down]
        return len(self._probes)

    def _release(self, began: float) -> None:
        if began in self._probes:
            self._probes.remove(began)
