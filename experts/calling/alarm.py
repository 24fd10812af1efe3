"""Ends the waits of one call: for its first word, for the next one, and for its end."""

from __future__ import annotations

import asyncio
import math
from asyncio import current_task
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from experts.errors import ExpertTimedOut

T = TypeVar("T")

AGAIN_SECONDS = 1.0
"""A wait that goes on though it was cancelled is cancelled again after so long: libraries lose
cancellations, as ``asyncio.wait_for`` does up to Python 3.11 (https://github.com/python/cpython/issues/86296)."""
_LOOKS = 4
"""Looks within one idle limit: a silence is ended a fourth of it late at most, and never early."""


class Alarm:
    """Cuts a wait short when its time is over, or when nothing has come for long.

    There is one timer for all waits. A stream has hundreds of them, and a timer for each would cost more
    than everything else that is done with its pieces; so a wait only notes that it was there, and the
    timer looks now and then whether any has ended since. Time runs while the reader holds a piece, too,
    but only a wait is cut short, and only a wait is silence.

    Args:
        expert: Who is waited for, for the message.
        awaited: What is waited for, for the message.
        seconds: How long, from now.
        idle: How long nothing may come once it has begun (:meth:`go_on`), in seconds.
        alone: Seconds after which ``late`` is called.
        late: Called once, unless the alarm is cancelled before.
    """

    __slots__ = (
        "_awaited",
        "_began",
        "_cancelled_before",
        "_expert",
        "_goes_on",
        "_idle",
        "_late",
        "_late_at",
        "_loop",
        "_moved",
        "_over",
        "_quiet_since",
        "_rings",
        "_seconds",
        "_task",
        "_timer",
        "silent",
    )

    def __init__(
        self,
        expert: str,
        awaited: str,
        seconds: float,
        idle: float = math.inf,
        alone: float = math.inf,
        late: Callable[[], None] | None = None,
    ) -> None:
        self.silent = False
        """Whether it rang because of a silence, with time left."""
        self._expert = expert
        self._awaited = awaited
        self._seconds = seconds
        self._idle = idle
        self._loop = loop = asyncio.get_running_loop()
        self._began = self._quiet_since = now = loop.time()
        self._task: asyncio.Task[Any] | None = None
        self._cancelled_before = self._rings = 0
        self._goes_on = self._moved = self._over = False
        self._late = late
        self._late_at = now + alone
        self._timer = loop.call_at(now + min(seconds, alone, idle / _LOOKS), self._look)

    def go_on(self, awaited: str, seconds: float) -> None:
        """Wait for the rest, now that the first is here; nothing may pause for longer than is allowed.

        Args:
            awaited: What is waited for now, for the message.
            seconds: How long, from when the alarm was made; no less than before.
        """
        self._awaited, self._seconds = awaited, seconds
        self._goes_on, self._late_at = True, math.inf

    def cancel(self) -> None:
        """Stop the timer: nothing is waited for any more."""
        self._timer.cancel()

    async def wait_for(self, get: Callable[[], Awaitable[T]]) -> T:
        """Await what ``get`` returns.

        Raises:
            ExpertTimedOut: Once the time is over, or nothing has come for long; the wait is cancelled.
        """
        try:
            self.begin()
            got = await get()
        except BaseException as error:
            ours = self.broken(error)
            if ours is error:
                raise
            raise ours from error
        self.end()
        return got

    def begin(self) -> None:
        """Note that the current task begins to wait: :meth:`wait_for` in parts, for what is done often.

        Raises:
            ExpertTimedOut: If the time is over.
        """
        if self._over:
            raise self._timed_out()
        self._task = task = current_task(self._loop)
        if task is not None:
            self._cancelled_before = task.cancelling()

    def end(self) -> None:
        """Note that what was waited for is here."""
        self._task = None
        self._moved = True

    def broken(self, error: BaseException) -> BaseException:
        """Note that the wait has ended with an exception; return the one to raise.

        That is another one where the wait was cancelled here, and by nobody else as well.
        """
        task, self._task = self._task, None
        if not self._over or task is None or not isinstance(error, asyncio.CancelledError):
            return error
        self._timer.cancel()
        left = min(task.uncancel() for _ in range(self._rings)) if self._rings else math.inf
        self._rings = 0
        return self._timed_out() if left <= self._cancelled_before else error

    def _look(self) -> None:
        """Ring if it is time, and until it helps; else look again later."""
        if self._over:
            self._ring()
            return
        now = self._loop.time()
        by = self._began + self._seconds
        if self._moved or self._task is None or not self._goes_on:
            self._moved = False
            self._quiet_since = now
        late = now >= self._late_at
        if late:
            self._late_at = math.inf
        self.silent = now < by and now - self._quiet_since >= self._idle
        if now < by and not self.silent:
            at = min(by, self._late_at, now + self._idle / _LOOKS)
            self._timer = self._loop.call_at(at, self._look)
            if late and self._late is not None:
                self._late()
            return
        self._over = True
        self._ring()

    def _ring(self) -> None:
        if self._task is not None:
            self._rings += 1
            self._task.cancel()
            self._timer = self._loop.call_later(AGAIN_SECONDS, self._look)

    def _timed_out(self) -> ExpertTimedOut:
        name = self._expert
        if self.silent:
            message = f"expert '{name}' fell silent: nothing more came for {self._idle:g} s"
        else:
            message = f"expert '{name}': {self._awaited} did not come in {self._seconds:g} s"
        return ExpertTimedOut(message, expert=name)
