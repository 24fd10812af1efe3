"""Of two calls the first that answers counts, and nothing is left of the other, however it behaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from experts.calling import racing
from experts.calling.racing import Race, raced
from experts.errors import ExpertError, ExpertFailed

disposed: list[str] = []


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(racing, "AGAIN_SECONDS", 0.02)
    disposed.clear()


async def dispose(answer: str) -> None:
    disposed.append(answer)


async def says(answer: str, after: float, *, deaf: int = 0) -> str:
    """Answer after a while; lose so many cancellations."""
    for _ in range(deaf):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(after)
            return answer
    await asyncio.sleep(after)
    return answer


async def fails(after: float) -> str:
    await asyncio.sleep(after)
    raise ExpertFailed("no")


async def race(
    first: Coroutine[Any, Any, str],
    after: float,
    second: Callable[[], Coroutine[Any, Any, str] | None],
) -> str:
    return await raced(first, Race(second).join_after(after), dispose)


def uncancelled() -> bool:
    task = asyncio.current_task()
    return task is None or not task.cancelling()


async def test_who_answers_first_counts() -> None:
    assert await race(says("a", 0.0), 9.0, lambda: says("b", 0.0)) == "a"
    assert await race(says("a", 0.05), 0.0, lambda: says("b", 9.0)) == "a"
    assert await race(says("a", 9.0), 0.0, lambda: says("b", 0.0)) == "b"
    assert await race(says("a", 0.02), 0.0, lambda: None) == "a"
    assert len(asyncio.all_tasks()) == 1
    assert disposed == []
    assert uncancelled()


async def test_a_failure_is_none_while_the_other_goes_on() -> None:
    assert await race(fails(0.02), 0.0, lambda: says("b", 0.05)) == "b"
    assert await race(says("a", 0.05), 0.0, lambda: fails(0.0)) == "a"
    with pytest.raises(ExpertError):
        await race(fails(0.01), 0.0, lambda: fails(0.02))
    with pytest.raises(ExpertError):
        await race(fails(0.0), 9.0, lambda: says("b", 0.0))
    assert uncancelled()


async def test_who_loses_a_cancellation_is_cancelled_again() -> None:
    assert await race(says("a", 9.0, deaf=2), 0.0, lambda: says("b", 0.0)) == "b"
    assert await race(says("a", 0.02), 0.0, lambda: says("b", 9.0, deaf=2)) == "a"
    assert len(asyncio.all_tasks()) == 1
    assert uncancelled()


async def test_who_answers_though_it_was_cancelled_is_not_lost() -> None:
    """Both have answered: one counts, the other is disposed of."""

    async def stubborn() -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(9.0)
        return "a"

    assert await race(stubborn(), 0.0, lambda: says("b", 0.0)) == "a"
    assert disposed == ["b"]
    disposed.clear()
    assert await race(says("b", 0.01), 0.0, stubborn) == "b"
    assert disposed == ["a"]
    assert uncancelled()


async def test_whoever_is_cancelled_is_cancelled_and_takes_both_along() -> None:
    for first, second in ((9.0, 9.0), (0.03, 9.0), (9.0, 0.03)):
        racing_ = race(says("a", first, deaf=1), 0.0, lambda s=second: says("b", s, deaf=1))
        task = asyncio.ensure_future(racing_)
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()
        assert len(asyncio.all_tasks()) == 1
