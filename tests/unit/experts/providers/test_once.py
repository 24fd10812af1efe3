from __future__ import annotations

import asyncio

import pytest

from experts.providers.once import Once


async def test_once_is_once_and_survives_those_who_leave() -> None:
    done: list[int] = []
    once = Once(lambda: done.append(1) or len(done))
    leaving, staying = asyncio.create_task(once.get()), asyncio.create_task(once.get())
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == 1
    assert await once.get() == 1
    assert await once.take() == 1
    assert await once.take() is None
    assert await once.get() == 2


async def test_work_that_failed_is_done_anew() -> None:
    attempts: list[int] = []

    def work() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError
        return "done"

    once = Once(work)
    with pytest.raises(OSError):
        await once.get()
    assert await once.get() == "done"
