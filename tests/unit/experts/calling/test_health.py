"""Who is down is told from the calls that are made."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from experts.calling.call import ExpertCaller
from experts.calling.health import ExpertHealth
from experts.calling.registry import ProviderRegistry
from experts.calling.secrets import environment_secrets
from experts.catalogue.expert import Expert
from experts.errors import ExpertError, ExpertTimedOut, RequestRefused
from experts.providers.protocol import ExpertAnswer, ExpertCall
from experts.providers.sse import DONE

BLOCK = b'data: {"choices": []}\n\n'


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> ExpertHealth:
    return ExpertHealth(failures=3, window=60.0, cool_down=30.0, clock=clock)


def fail(health: ExpertHealth, expert: str = "e", times: int = 3) -> None:
    for _ in range(times):
        health.failed(expert)


def test_only_failures_in_a_row_count(health: ExpertHealth) -> None:
    fail(health, times=2)
    health.answered("e")
    fail(health, times=2)
    assert health.down() == frozenset()
    health.failed("e")
    assert health.down() == {"e"}
    assert health.down() is health.down()


def test_failures_far_apart_do_not_count(health: ExpertHealth, clock: Clock) -> None:
    for _ in range(10):
        health.failed("e")
        clock.now += 31
    assert health.down() == frozenset()


def test_the_time_is_over_and_one_more_failure_puts_it_down_again(
    health: ExpertHealth, clock: Clock
) -> None:
    fail(health)
    clock.now += 29.9
    assert health.down() == {"e"}
    clock.now += 0.1
    assert health.down() == frozenset()
    health.failed("e")
    assert health.down() == {"e"}
    health.answered("e")
    assert health.down() == frozenset()
    fail(health, times=2)
    assert health.down() == frozenset()


def test_one_call_tries_it_and_the_others_wait_for_what_comes_of_it(
    health: ExpertHealth, clock: Clock
) -> None:
    health.called("e")
    fail(health)
    clock.now += 10
    health.called("e")  # by its name: that it is called changes nothing before its time
    clock.now += 20
    assert health.down() == frozenset()
    health.called("e")
    assert health.down() == {"e"}
    clock.now += 30  # nothing came of it: its caller went away
    assert health.down() == frozenset()
    health.called("e")
    health.answered("e")
    assert health.down() == frozenset()


def test_each_expert_has_its_own_time(health: ExpertHealth, clock: Clock) -> None:
    fail(health, "a")
    clock.now += 10
    fail(health, "b")
    assert health.down() == {"a", "b"}
    clock.now += 20
    assert health.down() == {"b"}
    health.forget("b")
    assert health.down() == frozenset()


class Playing:
    """A provider that fails, refuses, or streams and breaks off."""

    def __init__(self, error: Exception | None = None, blocks: tuple[bytes, ...] = ()) -> None:
        self.error = error
        self.blocks = blocks

    async def complete(self, call: ExpertCall) -> ExpertAnswer:  # noqa: ARG002 (the protocol)
        if self.error:
            raise self.error
        return ExpertAnswer(b"{}", None)

    async def stream(self, call: ExpertCall) -> AsyncIterator[bytes]:  # noqa: ARG002
        for block in self.blocks:
            yield block
        if self.error:
            raise self.error

    async def aclose(self) -> None:
        return


async def asked(health: ExpertHealth, provider: Playing, *, stream: bool, leave: int = 99) -> None:
    """Ask three times, whatever comes of it."""
    registry = ProviderRegistry({"scripted": provider})
    caller = ExpertCaller(registry, environment_secrets({}), health)
    expert = Expert(id="e", provider="scripted", model="echo")
    for _ in range(3):
        try:
            if not stream:
                await caller.complete(expert, {})
                continue
            async with await caller.stream(expert, {}) as blocks:
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
        (KeyError("unforeseen"), True),
        (RequestRefused("no"), False),
    ],
)
async def test_whose_fault_it_was(
    health: ExpertHealth, error: Exception, *, down: bool, stream: bool
) -> None:
    await asked(health, Playing(error), stream=stream)
    assert ("e" in health.down()) == down
    fail(health)
    await asked(health, Playing(error), stream=stream)
    assert "e" in health.down()


async def test_how_a_stream_ends(health: ExpertHealth) -> None:
    await asked(health, Playing(ExpertTimedOut("late"), (BLOCK,)), stream=True)
    assert health.down() == {"e"}
    # Left early: it might have failed yet.
    await asked(health, Playing(None, (BLOCK, DONE)), stream=True, leave=1)
    assert health.down() == {"e"}
    await asked(health, Playing(None, (BLOCK, BLOCK + DONE)), stream=True)
    assert health.down() == frozenset()
    await asked(health, Playing(), stream=True)  # streams nothing
    assert health.down() == {"e"}
    await asked(health, Playing(), stream=False)
    assert health.down() == frozenset()
