"""Two ways to one answer: the first that gets there counts, the other is stopped.

Dean and Barroso, The Tail at Scale, Communications of the ACM 56(2), 2013.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, Self, TypeVar

from experts.calling.alarm import AGAIN_SECONDS
from experts.errors import ExpertError

T = TypeVar("T")

Other = Callable[[], Coroutine[Any, Any, T] | None]
Dispose = Callable[[T], Awaitable[None]]


async def raced(first: Coroutine[Any, Any, T], race: Race[T], dispose: Dispose[T]) -> T:
    """Return what the first call answers or, if it takes long, the first of two.

    The first one runs in the caller's task: nearly all answer in time, and a task would cost more than
    all the rest that is done for a call. The second one is a task; where it wins, it cancels the first.

    Args:
        first: The call.
        race: Has the other join in when it is time.
        dispose: Closes an answer that came just as the other one had.

    Raises:
        ExpertError: The first call's, if both have failed.
    """
    race.begin()
    try:
        try:
            answer = await first
        except asyncio.CancelledError:
            if race.lost():
                return race.take()
            raise
        except ExpertError:
            if await race.goes_on():
                return race.take()
            raise
        try:
            await race.stop(dispose)
        except asyncio.CancelledError:
            await dispose(answer)
            raise
        return answer
    finally:
        await race.stop(dispose)


class Race(Generic[T]):
    """The second call of a race, once it has joined.

    Args:
        second: Makes it, or tells that there is none.
    """

    __slots__ = ("_cancelled_before", "_cancels", "_other", "_runner", "_second", "_timer")

    def __init__(self, second: Other[T]) -> None:
        self._second: Other[T] | None = second
        self._runner: asyncio.Task[Any] | None = None
        self._other: asyncio.Task[T] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._cancelled_before = self._cancels = 0

    def begin(self) -> None:
        """Begin with the first call, in the current task."""
        self._runner = asyncio.current_task()
        self._cancelled_before = self._runner.cancelling() if self._runner else 0

    def join(self) -> None:
        """Have the second call join in, if there is one; once it is over nothing happens."""
        second = None if self._second is None else self._second()
        self._second = None
        if second is not None:
            self._other = asyncio.ensure_future(second)
            self._other.add_done_callback(self._arrived)

    def join_after(self, seconds: float) -> Self:
        """Have the second call join in after a while."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self.join)
        return self

    def lost(self) -> bool:
        """Tell whether the first call was cancelled because the second has won, and only for that."""
        return self._cancels > 0 and self._uncancelled() <= self._cancelled_before

    def take(self) -> T:
        """Return the second call's answer, which is disposed of by nobody then."""
        other, self._other = self._other, None
        if other is None:
            raise RuntimeError("there is no other call")
        return other.result()

    async def goes_on(self) -> bool:
        """Wait for the second call, now that the first has failed; tell whether it has answered."""
        self._second = None
        if self._other is None:
            return False
        self._uncancelled()  # it may have been told to stop, and said something else instead
        self._runner = None
        await asyncio.wait((self._other,))
        return _has_answered(self._other)

    async def stop(self, dispose: Dispose[T]) -> None:
        """End the second call, if there is one and its answer was not taken.

        Raises:
            CancelledError: If whoever waits was cancelled meanwhile; the call has ended even so.
        """
        self._second = None
        self._uncancelled()
        self._runner = None
        other, self._other = self._other, None
        if other is None:
            return
        other.cancel()
        cancelled: asyncio.CancelledError | None = None
        while not other.done():
            try:
                await asyncio.wait((other,), timeout=AGAIN_SECONDS)
                other.cancel()
            except asyncio.CancelledError as error:
                cancelled = error
        if _has_answered(other):
            await dispose(other.result())
        if cancelled is not None:
            raise cancelled

    def _arrived(self, other: asyncio.Task[T]) -> None:
        if _has_answered(other):
            self._cancel_first()

    def _cancel_first(self) -> None:
        """Tell the first call to stop, and again as long as it does not."""
        if self._runner is not None:
            self._cancels += 1
            self._runner.cancel()
            self._timer = self._runner.get_loop().call_later(AGAIN_SECONDS, self._cancel_first)

    def _uncancelled(self) -> int:
        """Take back what cancelled the first call; return how often others have cancelled it."""
        left = 0
        if self._runner is not None:
            left = self._runner.cancelling()
            for _ in range(self._cancels):
                left = self._runner.uncancel()
        self._cancels = 0
        if self._timer is not None:
            self._timer.cancel()
        return left


def _has_answered(task: asyncio.Task[T]) -> bool:
    return not task.cancelled() and task.exception() is None
