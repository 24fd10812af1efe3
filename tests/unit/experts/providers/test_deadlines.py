from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

import pytest

from experts.catalogue.expert import Expert
from experts.errors import ExpertTimedOut
from experts.providers.deadlines import stream_in_time, whole_in_time
from experts.providers.once import Once
from experts.providers.protocol import ExpertCall


def call(timeout: float = 5.0, first: float = 5.0) -> ExpertCall:
    expert = Expert(id="e", provider="scripted")
    return ExpertCall(expert, body={}, timeout=timeout, first_token_timeout=first)


def hold_the_loop(seconds: float) -> None:
    time.sleep(seconds)


class Blocks:
    """Yields after each of these waits, and knows whether it was closed."""

    def __init__(self, *waits: float) -> None:
        self.waits = waits
        self.closed = False

    async def __call__(self) -> AsyncGenerator[bytes, None]:
        try:
            for wait in self.waits:
                await asyncio.sleep(wait)
                yield b"x"
        finally:
            self.closed = True


async def test_what_is_in_time_passes() -> None:
    blocks = Blocks(0, 0.01, 0)
    assert [b async for b in stream_in_time(blocks(), call())] == [b"x"] * 3
    assert blocks.closed
    assert await whole_in_time(asyncio.sleep(0, "done"), call()) == "done"


async def test_the_first_block_and_the_last_have_their_own_limits() -> None:
    for blocks, limits, awaited in (
        (Blocks(9), call(first=0.02), "first token"),
        (Blocks(9), call(timeout=0.02), "end of its answer"),
        (Blocks(0, 9), call(timeout=0.05, first=0.02), "end of its answer"),
        (Blocks(*[0.01] * 99), call(timeout=0.1, first=0.05), "end of its answer"),
    ):
        with pytest.raises(ExpertTimedOut, match=awaited):
            [b async for b in stream_in_time(blocks(), limits)]
        assert blocks.closed
    with pytest.raises(ExpertTimedOut):
        await whole_in_time(asyncio.sleep(9), call(timeout=0.02))


async def test_a_block_in_the_readers_hands_is_not_taken_away() -> None:
    stream = stream_in_time(Blocks(0, 0, 0)(), call(timeout=0.03))
    assert await anext(stream) == b"x"
    await asyncio.sleep(0.06)  # the time is over, and this sleep is not cut short
    with pytest.raises(ExpertTimedOut):
        await anext(stream)


async def test_time_that_is_over_between_two_streams_cancels_nobody() -> None:
    async for _ in stream_in_time(Blocks(0)(), call(timeout=0.02)):
        pass
    await asyncio.sleep(0.05)
    assert not (task := asyncio.current_task()) or not task.cancelling()


async def test_being_cancelled_is_no_timeout() -> None:
    async def read() -> None:
        async for _ in stream_in_time(blocks(), call()):
            pass

    blocks = Blocks(0, 9)
    task = asyncio.create_task(read())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert blocks.closed


async def test_being_cancelled_at_the_same_moment_stays_a_cancellation() -> None:
    async def read() -> None:
        async for _ in stream_in_time(Blocks(9)(), call(timeout=0.01)):
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.011, task.cancel)
    hold_the_loop(0.03)  # both are due now: first the alarm, then the cancellation
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_next_block_may_be_read_by_another_task() -> None:
    stream = stream_in_time(Blocks(0, 9)(), call(timeout=0.05))
    await asyncio.create_task(stream.__anext__())
    with pytest.raises(ExpertTimedOut):
        await asyncio.create_task(stream.__anext__())


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
