"""Work for a client that has gone is given up, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from orchestrator.chat.disconnect import ClientGone, unless_gone


class Result:
    """Something that has to be released."""

    def __init__(self) -> None:
        self.released = 0

    async def release(self) -> None:
        await asyncio.sleep(0)
        self.released += 1


async def stays() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def leaves() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def test_a_result_is_handed_over_as_it_is() -> None:
    result = Result()

    async def work() -> Result:
        await asyncio.sleep(0)
        return result

    assert await unless_gone(work(), stays, Result.release) is result
    assert result.released == 0


async def test_work_that_fails_says_so() -> None:
    async def work() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError):
        await unless_gone(work(), stays)


async def test_a_client_that_goes_cancels_the_work() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    with pytest.raises(ClientGone):
        await unless_gone(work(), leaves)
    assert ended == ["work"]


async def test_a_result_in_spite_of_it_is_released() -> None:
    result = Result()

    async def work() -> Result:
        with suppress(asyncio.CancelledError):  # as what is done to its end does
            await asyncio.Event().wait()
        return result

    with pytest.raises(ClientGone):
        await unless_gone(work(), leaves, Result.release)
    assert result.released == 1


@pytest.mark.parametrize("ticks", range(1, 7))
@pytest.mark.parametrize("twice", [False, True])
async def test_a_cancelled_request_loses_no_result(ticks: int, twice: bool) -> None:
    """Whatever turn of the loop it is cancelled in, and also if it is once more meanwhile."""
    made: list[Result] = []

    async def work() -> Result:
        for _ in range(2):
            await asyncio.sleep(0)
        made.append(Result())
        return made[0]

    request = asyncio.ensure_future(unless_gone(work(), stays, Result.release))
    for _ in range(ticks):
        await asyncio.sleep(0)
    request.cancel()
    if twice:
        await asyncio.sleep(0)
        request.cancel()
    await asyncio.wait((request,))
    for _ in range(5):
        await asyncio.sleep(0)
    if request.cancelled():
        assert [result.released for result in made] in ([], [1])
    else:
        assert request.result() is made[0]
        assert made[0].released == 0
