"""Waits that end: the first piece, the rest, silence; and what is not taken for one of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest

from experts.calling import alarm as alarms
from experts.calling.alarm import Alarm
from experts.errors import ExpertTimedOut


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


async def read(
    blocks: Blocks,
    *,
    first: float = 5.0,
    whole: float = 5.0,
    idle: float = 5.0,
    holds: float = 0.0,
) -> int:
    """Read as a stream is read; return how many pieces came."""
    alarm = Alarm("e", "the first", first, idle)
    source, count = blocks(), 0
    try:
        while True:
            try:
                await alarm.wait_for(source.__anext__)
            except StopAsyncIteration:
                return count
            alarm.go_on("the end", whole)
            count += 1
            await asyncio.sleep(holds)
    finally:
        alarm.cancel()


async def test_what_is_in_time_passes() -> None:
    blocks = Blocks(0, 0.01, 0)
    assert await read(blocks) == 3
    assert blocks.closed


async def test_the_first_and_the_end_and_silence_have_their_own_limits() -> None:
    for blocks, limits, awaited in (
        (Blocks(9), {"first": 0.02}, "the first did not"),
        (Blocks(9), {"first": 0.05, "idle": 0.01}, "the first did not"),
        (Blocks(0, 9), {"whole": 0.05, "first": 0.02}, "the end did not"),
        (Blocks(*[0.01] * 99), {"whole": 0.1, "first": 0.05}, "the end did not"),
        (Blocks(0, 0, 9), {"idle": 0.02}, "fell silent"),
    ):
        with pytest.raises(ExpertTimedOut, match=awaited):
            await read(blocks, **limits)
        assert blocks.closed


async def test_silence_is_ended_neither_early_nor_much_too_late() -> None:
    began = time.monotonic()
    with pytest.raises(ExpertTimedOut, match=r"nothing more came for 0\.2 s"):
        await read(Blocks(0, 0.05, 9), idle=0.2)
    assert 0.25 <= time.monotonic() - began < 1.0
    # Each pause is shorter; all together are longer.
    assert await read(Blocks(*[0.05] * 8), idle=0.3) == 8


async def test_a_reader_that_takes_its_time_is_not_silence() -> None:
    assert await read(Blocks(0, 0, 0), idle=0.02, holds=0.06) == 3


async def test_a_piece_in_the_reader_s_hands_is_not_taken_away() -> None:
    with pytest.raises(ExpertTimedOut, match="the end"):
        await read(
            Blocks(0, 0, 0), first=0.02, whole=0.03, holds=0.06
        )  # the sleep is not cut short


async def test_time_that_is_over_when_nobody_waits_cancels_nobody() -> None:
    alarm = Alarm("e", "x", 0.01)
    await asyncio.sleep(0.03)
    assert not (task := asyncio.current_task()) or not task.cancelling()
    with pytest.raises(ExpertTimedOut):
        await alarm.wait_for(lambda: asyncio.sleep(0))


async def test_being_cancelled_is_no_timeout() -> None:
    blocks = Blocks(0, 9)
    task = asyncio.create_task(read(blocks))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert blocks.closed


async def test_being_cancelled_at_the_same_moment_stays_a_cancellation() -> None:
    for cancelled_after in (0.009, 0.011):
        task = asyncio.create_task(read(Blocks(9), first=0.01))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(cancelled_after, task.cancel)
        hold_the_loop(0.03)  # both are due now
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_next_piece_may_be_read_by_another_task() -> None:
    alarm, source = Alarm("e", "x", 0.05), Blocks(0, 9)()
    await asyncio.create_task(alarm.wait_for(source.__anext__))
    with pytest.raises(ExpertTimedOut):
        await asyncio.create_task(alarm.wait_for(source.__anext__))


async def test_a_failure_of_what_is_awaited_stays_itself() -> None:
    async def fails() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await Alarm("e", "x", 5.0).wait_for(fails)


async def test_a_wait_that_loses_its_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alarms, "AGAIN_SECONDS", 0.02)

    async def deaf() -> None:
        for _ in range(3):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(9)
        await asyncio.sleep(9)

    with pytest.raises(ExpertTimedOut):
        await Alarm("e", "x", 0.01).wait_for(deaf)
    assert not (task := asyncio.current_task()) or not task.cancelling()
