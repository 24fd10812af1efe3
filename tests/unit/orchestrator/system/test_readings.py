from __future__ import annotations

import asyncio
import time

import pytest

from orchestrator.system.readings import Readings, problem_of
from orchestrator.system.stores import ahead


class Part:
    """Something that is looked at."""

    def __init__(self) -> None:
        self.looks = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.error: Exception | None = None

    async def look(self) -> int:
        self.looks += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return self.looks


async def test_what_answers_is_told_at_once() -> None:
    part = Part()
    reading = await Readings(part.look).read()
    assert (reading.state, reading.problem, reading.value) == ("ok", None, 1)
    assert reading.read_at is not None


async def test_nobody_waits_for_what_is_slow_and_it_is_asked_once() -> None:
    part = Part()
    readings = Readings(part.look, patience=0.02)
    before = await readings.read()
    part.answers.clear()
    began = time.monotonic()
    slow = await asyncio.gather(*(readings.read() for _ in range(3)))
    assert time.monotonic() - began < 0.5
    for one in slow:
        assert (one.state, one.value, one.read_at) == ("slow", 1, before.read_at)
        assert "has not answered" in (one.problem or "")
    assert part.looks == 2
    part.answers.set()
    assert (await readings.read()).value == 2  # the look that had begun


async def test_what_is_away_says_so_and_what_it_was() -> None:
    part = Part()
    readings = Readings(part.look)
    before = await readings.read()
    part.error = ConnectionRefusedError("redis://user:secret-password@host refused\nmore")
    away = await readings.read()
    assert (away.state, away.value, away.read_at) == ("away", 1, before.read_at)
    assert away.problem == "ConnectionRefusedError: redis://***@host refused"
    part.error = None
    assert (await readings.read()).state == "ok"


async def test_a_look_that_never_ends_is_given_up() -> None:
    part = Part()
    part.answers.clear()
    readings = Readings(part.look, patience=0.5, longest=0.01)
    assert (await readings.read()).state == "away"
    part.answers.clear()
    waiting = Readings(part.look, patience=0.001)
    assert (await waiting.read()).state == "slow"
    await waiting.aclose()
    assert (await readings.read()).problem == "TimeoutError"


async def test_a_bug_is_no_absence() -> None:
    part = Part()
    part.error = KeyError("oops")
    with pytest.raises(KeyError):
        await Readings(part.look).read()


def test_a_problem_is_one_line() -> None:
    assert problem_of(TimeoutError()) == "TimeoutError"


def test_half_of_the_way_is_taken_off() -> None:
    assert ahead(100.5, before=99.0, after=101.0) == 0.5
    assert str(ahead(100.0, before=99.9, after=100.1)) == "0.0"
