"""Who is down is told from the calls that are made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from experts.calling.breaker import BreakerSettings, State
from experts.calling.health import BreakerView, ExpertHealth
from experts.calling.options import CallOptions
from experts.errors import (
    ExpertError,
    ExpertMisconfigured,
    ExpertOverloaded,
    ExpertTimedOut,
    ExpertUnreachable,
    RequestRefused,
)
from experts.providers.sse import DONE
from tests.unit.experts.calling.playing import (
    BODY,
    SAYS,
    STREAM,
    Clock,
    Playing,
    expert,
    make_caller,
    status,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> ExpertHealth:
    return ExpertHealth(BreakerSettings(failures=3, cool_down=30.0), clock=clock)


E = expert("e")
TWO = expert("two", "http://a", "http://b")


def fail(health: ExpertHealth, entry: Any = E, index: int = 0, times: int = 3) -> None:
    replica = health.fleet(entry).replicas[index]
    for _ in range(times):
        health.failed(replica, health.began(replica), "expert_timeout")


def test_an_expert_is_down_while_all_of_its_endpoints_are(health: ExpertHealth) -> None:
    assert health.down() == frozenset()
    fail(health, TWO, 0)
    assert health.down() == frozenset()
    fail(health, TWO, 1)
    assert health.down() == {"two"}
    assert health.down() is health.down()
    fail(health)
    assert health.down() == {"e", "two"}


def test_one_call_tries_it_and_the_others_wait_for_what_comes_of_it(
    health: ExpertHealth, clock: Clock
) -> None:
    fail(health)
    (replica,) = health.fleet(E).replicas
    clock.now += 29.9
    assert health.down() == {"e"}
    clock.now += 0.1
    assert health.down() == frozenset()
    began = health.began(replica)
    assert health.down() == {"e"}
    health.left(replica, began)  # its caller went away
    assert health.down() == frozenset()
    began = health.began(replica)
    clock.now += 30  # nothing was ever heard of it
    assert health.down() == frozenset()
    health.succeeded(replica, health.began(replica))
    assert health.down() == frozenset()
    assert next(health.snapshot()).state is State.CLOSED


def test_a_new_entry_is_a_new_chance_for_what_is_new_in_it(health: ExpertHealth) -> None:
    fail(health, TWO, 0)
    fail(health, TWO, 1)
    longer = expert("two", "http://a", "http://c")
    fleet = health.fleet(longer)
    assert [one.breaker.state(0.0) for one in fleet.replicas] == [State.OPEN, State.CLOSED]
    health.forget("two")
    assert health.down() == frozenset()
    assert {view.state for view in map(health.view, health.fleet(longer).replicas)} == {
        State.CLOSED
    }


def test_a_reset_closes_what_it_names(health: ExpertHealth) -> None:
    told: list[str] = []
    health.changed = lambda replica: told.append(replica.name)
    fail(health, TWO, 0)
    fail(health, TWO, 1)
    assert told == ["http://a", "http://b"]
    assert health.reset("two", "http://b") == ("http://b",)
    assert health.down() == frozenset()
    assert [view.state for view in health.snapshot()] == [State.OPEN, State.CLOSED]
    assert health.reset("two") == ("http://a", "http://b")
    assert health.reset("two", "http://z") == health.reset("nobody") == ()


def test_what_another_process_has_found_counts_unless_this_one_knows_later(
    health: ExpertHealth, clock: Clock
) -> None:
    opened = BreakerView("e", "default", State.OPEN, 990.0, 1020.0, "expert_failed", 990.0)
    assert health.heard(E, opened)
    assert not health.heard(E, opened)
    assert health.down() == {"e"}
    clock.now = 1020.0
    assert health.down() == frozenset()
    (replica,) = health.fleet(E).replicas
    health.succeeded(replica, health.began(replica))
    assert not health.heard(E, opened)
    closed = BreakerView("e", "default", State.CLOSED, changed_at=1030.0)
    assert health.heard(E, closed)
    assert not health.heard(E, BreakerView("e", "gone", State.CLOSED, changed_at=2000.0))


async def ask(
    health: ExpertHealth,
    doing: Any,
    origins: Sequence[str] = ("a", "b", "c"),
    *,
    stream: bool,
    leave: int = 99,
    seconds: float = 600.0,
    **rules: Any,
) -> None:
    """Ask once for each origin, whatever comes of it."""
    caller = make_caller(Playing(e=[doing]), health, retries=0, **rules)
    for origin in origins:
        options = CallOptions(seconds, seconds, origin=origin)
        try:
            if not stream:
                await caller.complete(E, {}, options)
                continue
            async with await caller.stream(E, {}, options) as blocks:
                seen = 0
                async for _block in blocks:
                    seen += 1
                    if seen == leave:
                        break
        except ExpertError:
            continue


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "down"),
    [
        (ExpertTimedOut("late"), True),
        (ExpertUnreachable("gone"), True),
        (status(500), True),
        (KeyError("unforeseen"), True),
        (ExpertMisconfigured("no key"), True),
        (RequestRefused("no"), False),
    ],
)
async def test_whose_fault_it_was(
    health: ExpertHealth, error: Exception, *, down: bool, stream: bool
) -> None:
    await ask(health, error, stream=stream)
    assert ("e" in health.down()) == down
    fail(health)
    await ask(health, error, stream=stream)
    assert "e" in health.down()


@pytest.mark.parametrize(
    ("error", "down"),
    [
        (ExpertTimedOut("late"), True),
        (ExpertUnreachable("gone"), True),
        (status(500), False),
        (status(429, ExpertOverloaded), False),
        (ExpertMisconfigured("model_not_found, it says"), False),
    ],
)
async def test_what_one_caller_may_have_brought_about_counts_from_two(
    health: ExpertHealth, error: Exception, *, down: bool
) -> None:
    await ask(health, error, ["a"] * 9, stream=False)
    assert ("e" in health.down()) == down
    await ask(health, error, ["b"], stream=False)
    assert health.down() == {"e"}


async def test_who_was_given_little_time_is_not_to_blame_for_being_late(
    health: ExpertHealth,
) -> None:
    late = ExpertTimedOut("late")
    for stream in (False, True):
        rules = {"fair_timeout": 10.0, "fair_first_token": 10.0}
        await ask(health, late, stream=stream, seconds=9.9, **rules)
        assert health.down() == frozenset()
    # What its server says of itself counts all the same.
    await ask(health, status(504, ExpertTimedOut), stream=False, seconds=9.9, fair_timeout=10.0)  # type: ignore[arg-type]
    assert health.down() == {"e"}


async def test_how_a_stream_ends(health: ExpertHealth, clock: Clock) -> None:
    await ask(health, (SAYS, ExpertTimedOut("late")), stream=True)
    assert health.down() == {"e"}
    clock.now += 30
    # Left early: it might have failed yet.
    await ask(health, (SAYS, DONE), ["a"], stream=True, leave=1)
    assert next(health.snapshot()).state is State.HALF_OPEN
    await ask(health, (SAYS, SAYS + DONE), ["a"], stream=True)
    assert next(health.snapshot()).state is State.CLOSED
    await ask(health, (DONE,), stream=True)  # streams nothing
    assert health.down() == {"e"}
    clock.now += 30
    await ask(health, BODY, ["a"], stream=False)
    assert health.down() == frozenset()


async def test_streams_that_are_slow_to_begin_open_it(clock: Clock) -> None:
    health = ExpertHealth(BreakerSettings(volume=4, slow_seconds=0.001))
    await ask(health, (0.002, *STREAM), ["a"] * 4, stream=True)
    assert next(health.snapshot()).reason == "slow"


async def test_a_call_that_is_cancelled_says_nothing_and_leaves_nothing(
    health: ExpertHealth,
) -> None:
    for stream in (False, True):
        playing = Playing(e=[60.0])
        caller = make_caller(playing, health)
        options = CallOptions()
        call = caller.stream(E, {}, options) if stream else caller.complete(E, {}, options)
        task = asyncio.ensure_future(call)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert next(health.snapshot()).outstanding == 1
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()
        assert (playing.running, playing.cancelled) == (0, 1)
        assert next(health.snapshot()).outstanding == 0
        assert [one.outcome for one in options.attempts] == ["cancelled"]
