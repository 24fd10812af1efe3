"""Deadlines of one call, the same for every provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from experts.errors import ExpertTimedOut
from experts.providers.protocol import ExpertCall

T = TypeVar("T")


async def whole_in_time(work: Coroutine[Any, Any, T], call: ExpertCall) -> T:
    """Await a whole answer, no longer than the call allows.

    Raises:
        ExpertTimedOut: When the time is over; the work is cancelled.
    """
    try:
        async with asyncio.timeout(call.timeout):
            return await work
    except TimeoutError as error:
        raise _timed_out(call, "its answer", call.timeout) from error


async def stream_in_time(
    blocks: AsyncGenerator[bytes, None], call: ExpertCall
) -> AsyncGenerator[bytes, None]:
    """Yield the blocks, the first and the last no later than the call allows.

    Time runs while the reader holds a block, too, but only a wait for the next one is cut short.

    Raises:
        ExpertTimedOut: When the time is over; the generator is closed.
    """
    began = asyncio.get_running_loop().time()
    limit, awaited = call.timeout, "the end of its answer"
    if call.first_token_timeout < limit:
        limit, awaited = call.first_token_timeout, "the first token"
    alarm = _Alarm(began + limit)
    try:
        async with aclosing(blocks):
            while True:
                block = await alarm.wait_for(blocks.__anext__)
                if limit != call.timeout:
                    limit, awaited = call.timeout, "the end of its answer"
                    alarm.set(began + limit)
                yield block
    except StopAsyncIteration:
        return
    except TimeoutError as error:
        raise _timed_out(call, awaited, limit) from error
    finally:
        alarm.cancel()


class _Alarm:
    """Ends a wait when its time comes, like ``asyncio.timeout_at``, but set once for many waits.

    A timer for each block of a stream would cost more than everything else that is done with it.
    """

    __slots__ = ("_passed", "_timer", "_waiting")

    def __init__(self, at: float) -> None:
        self._waiting: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.set(at)

    def set(self, at: float) -> None:
        self.cancel()
        self._passed = False
        self._timer = asyncio.get_running_loop().call_at(at, self._ring)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def wait_for(self, get: Callable[[], Awaitable[T]]) -> T:
        """Await what ``get`` returns; raise ``TimeoutError`` once the time is over."""
        if self._passed:
            raise TimeoutError
        task = asyncio.current_task()
        cancelled_before = task.cancelling() if task else 0
        self._waiting = task
        try:
            return await get()
        except asyncio.CancelledError as error:
            # Ours, unless somebody else cancelled the task as well.
            if self._passed and task and task.uncancel() <= cancelled_before:
                raise TimeoutError from error
            raise
        finally:
            self._waiting = None

    def _ring(self) -> None:
        self._passed = True
        if self._waiting is not None:
            self._waiting.cancel()


def _timed_out(call: ExpertCall, awaited: str, seconds: float) -> ExpertTimedOut:
    name = call.expert.id
    return ExpertTimedOut(f"expert '{name}': {awaited} did not come in {seconds:g} s", expert=name)
