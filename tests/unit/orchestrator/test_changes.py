"""Background tasks and their end."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from orchestrator.kit.changes import cancelled


async def test_a_task_that_misses_its_cancellation_is_asked_again() -> None:
    missed = 0

    async def deaf() -> None:
        nonlocal missed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                missed += 1
                if missed == 2:
                    raise

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await cancelled(task)
    assert task.cancelled()
    assert missed == 2


async def test_what_a_task_died_of_is_told() -> None:
    async def dies() -> None:
        raise ZeroDivisionError

    task = asyncio.create_task(dies())
    with contextlib.suppress(ZeroDivisionError):
        await asyncio.wait((task,))
    with pytest.raises(ZeroDivisionError):
        await cancelled(task)
