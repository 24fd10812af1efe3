"""Slow work that must happen once, however many callers wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Runs a blocking function in a thread, once; callers share its result.

    A caller that goes away does not take the work from the others, and work that failed is done
    anew for the next caller.

    Args:
        work: The function.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._task: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """Return the result, having waited for it if need be."""
        task = self._task
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._task = asyncio.create_task(asyncio.to_thread(self._work))
        return await asyncio.shield(task)

    async def take(self) -> T | None:
        """Wait for work under way and give up its result; ``None`` where there is none."""
        task, self._task = self._task, None
        if task is None:
            return None
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        return None if isinstance(outcome, BaseException) else outcome
