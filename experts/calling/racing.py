"""Two ways to one answer: the first that gets there counts, the other is stopped (hedging).

Dean and Barroso, The Tail at Scale, Communications of the ACM 56(2), 2013.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from experts.errors import ExpertError

T = TypeVar("T")


async def raced(
    first: Coroutine[Any, Any, T],
    after: float,
    second: Callable[[], Coroutine[Any, Any, T] | None],
    dispose: Callable[[T], Awaitable[None]],
    lost: Callable[[ExpertError], None],
) -> T:
    """Return what the first call answers or, if it takes long, the first of two.

    Args:
        first: The call.
        after: Seconds to wait for it alone.
        second: Makes the other call, or tells that there is none.
        dispose: Closes an answer that came just as the other one had.
        lost: Is told of the failure of one while the other goes on.

    Raises:
        ExpertError: The first call's, if both have failed.
    """
    one = asyncio.ensure_future(first)
    other: asyncio.Future[T] | None = None
    try:
        await asyncio.wait((one,), timeout=after)
        beside = None if one.done() else second()
        if beside is None:
            return await one
        other = asyncio.ensure_future(beside)
        pending = {one, other}
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in (one, other):
                if task in done and task.exception() is None:
                    return task.result()
        error = other.exception()
        if isinstance(error, ExpertError):
            lost(error)
        return one.result()
    finally:
        await _stopped(one, other, dispose)


async def _stopped(
    one: asyncio.Future[T], other: asyncio.Future[T] | None, dispose: Callable[[T], Awaitable[None]]
) -> None:
    """End what is still under way, and what has ended too late."""
    tasks = [one] if other is None else [one, other]
    winner = next((t for t in tasks if t.done() and not t.cancelled() and not t.exception()), None)
    for task in tasks:
        if not task.done():
            task.cancel()
    while running := [task for task in tasks if not task.done()]:
        await asyncio.wait(running)
    for task in tasks:
        if task is not winner and not task.cancelled() and task.exception() is None:
            await dispose(task.result())
