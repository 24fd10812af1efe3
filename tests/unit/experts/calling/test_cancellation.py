"""Whoever leaves, at whatever moment: nothing goes on, and everything is told how it ended.

A request is cancelled at each turn of the event loop that it takes, in every situation a call can be in.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from experts.calling.breaker import BreakerSettings
from experts.calling.call import ExpertCaller
from experts.calling.health import ExpertHealth
from experts.calling.options import CallOptions
from experts.errors import ExpertError, ExpertFailed, ExpertTimedOut
from tests.unit.experts.calling.playing import (
    BODY,
    ROLE,
    SAYS,
    STREAM,
    Playing,
    expert,
    make_caller,
    status,
)

A, B, TWO = expert("a"), expert("b"), expert("two", "http://1", "http://2")
TURNS = (0.0,) * 4
"""Turns of the loop that a provider takes for something."""
AT_ONCE = {"share": 1e-9}
"""Whoever is asked is late at once, so that another is asked beside it."""
MOST_TURNS = 80


def answers(kind: str, *before: Any) -> list[Any]:
    """What a provider does that answers after this, a few turns for each piece."""
    if kind == "whole":
        return [(*before, *TURNS, BODY)]
    first, *rest = STREAM
    return [(*before, *TURNS, first, *(step for piece in rest for step in (0.0, piece)))]


def half_open() -> ExpertHealth:
    """Breakers that are all half open after two failures, and a claim that takes its time."""

    async def claim(_: Any) -> bool:
        await asyncio.sleep(0)
        return True

    health = ExpertHealth(BreakerSettings(failures=1, cool_down=0.0), claim=claim)
    for entry in (A, TWO):
        for replica in health.fleet(entry).replicas:
            for _ in range(2):
                health.failed(replica, health.began(replica), "x")
    return health


def hedging(caller: ExpertCaller) -> ExpertCaller:
    """Let each call be slower than usual at once."""
    for entry in (A, B, TWO):
        for replica in caller.health.fleet(entry).replicas:
            for _ in range(20):
                replica.durations.note(0.0)
    return caller


Made = tuple[Playing, ExpertCaller, list[Any]]
SITUATIONS: dict[str, Callable[[str], Made]] = {}


def situation(make: Callable[[str], Made]) -> Callable[[str], Made]:
    SITUATIONS[make.__name__] = make
    return make


@situation
def answered(kind: str) -> Made:
    playing = Playing(a=answers(kind))
    return playing, make_caller(playing), [A]


@situation
def asked_again(kind: str) -> Made:
    playing = Playing(a=[(*TURNS, status(500)), *answers(kind)])
    return playing, make_caller(playing, chance=lambda: 1e-9), [A]


@situation
def another_after_a_failure(kind: str) -> Made:
    playing = Playing(a=[(*TURNS, ExpertTimedOut("late"))], b=answers(kind))
    return playing, make_caller(playing), [A, B]


@situation
def another_beside_that_wins(kind: str) -> Made:
    playing = Playing(a=[(60.0, BODY)], b=answers(kind))
    return playing, make_caller(playing, **AT_ONCE), [A, B]


@situation
def another_beside_that_loses(kind: str) -> Made:
    playing = Playing(a=answers(kind), b=[(60.0, BODY)])
    return playing, make_caller(playing, **AT_ONCE), [A, B]


@situation
def both_at_once(kind: str) -> Made:
    playing = Playing(a=answers(kind), b=answers(kind))
    return playing, make_caller(playing, **AT_ONCE), [A, B]


@situation
def one_fails_beside_another(kind: str) -> Made:
    playing = Playing(a=[(*TURNS, ExpertFailed("no"))], b=answers(kind, *TURNS))
    return playing, make_caller(playing, retries=0, **AT_ONCE), [A, B]


@situation
def hedged(kind: str) -> Made:
    playing = Playing(a=[(60.0, BODY)], b=answers(kind))
    return playing, hedging(make_caller(playing, hedge=True)), [A, B]


@situation
def tried(kind: str) -> Made:
    playing = Playing(a=answers(kind))
    return playing, make_caller(playing, half_open()), [A]


@situation
def endpoints_beside_each_other(kind: str) -> Made:
    playing = Playing(two=answers(kind))
    return playing, make_caller(playing, **AT_ONCE), [TWO, B]


@situation
def breaks_off(kind: str) -> Made:
    doing = (ROLE, SAYS, *TURNS, ExpertFailed("no")) if kind == "stream" else ExpertFailed("no")
    playing = Playing(a=[doing], b=answers(kind))
    return playing, make_caller(playing, retries=0), [A, B]


async def used(kind: str, caller: ExpertCaller, experts: list[Any], options: CallOptions) -> None:
    if kind == "whole":
        await caller.complete(experts, {}, options)
        return
    async with await caller.stream(experts, {}, options) as stream:
        async for _ in stream:
            await asyncio.sleep(0)


async def cancelled_after(turns: int, kind: str, make: Callable[[str], Made]) -> bool:
    """Cancel a request after so many turns; tell whether it had ended before."""
    playing, caller, experts = make(kind)
    options = CallOptions(timeout=30.0, first_token_timeout=30.0, origin="t")
    others = asyncio.all_tasks()
    task = asyncio.ensure_future(used(kind, caller, experts, options))
    for _ in range(turns):
        await asyncio.sleep(0)
    ended = task.done()
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        assert task.exception() is None or isinstance(task.exception(), ExpertError)
        assert ended, "a cancellation was swallowed"
    assert asyncio.all_tasks() == others, "a task goes on"
    assert playing.running == 0
    assert len(options.attempts) == len(playing.calls) or turns < 2
    for attempt in options.attempts:
        assert attempt.outcome != "running"
    for view in caller.health.snapshot():
        assert view.outstanding == 0
    return ended


@pytest.mark.parametrize("kind", ["whole", "stream"])
@pytest.mark.parametrize("name", SITUATIONS)
async def test_whoever_leaves_leaves_nothing_behind(name: str, kind: str) -> None:
    # Generators that tests before this left to the collector are closed by tasks: not in the middle of this one.
    gc.collect()
    await asyncio.sleep(0.01)
    ended = False
    turns = 0
    while not ended:
        ended = await cancelled_after(turns, kind, SITUATIONS[name])
        turns += 1
        assert turns < MOST_TURNS, "it does not end by itself"
    assert turns > 3
