"""A stream that was begun is ended, whenever its client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from orchestrator.chat.streaming import StreamResponse


class Blocks:
    """Blocks that are there at once, and whether they were brought to an end."""

    def __init__(self, *blocks: bytes) -> None:
        self._blocks = blocks
        self.ended = 0

    async def run(self) -> AsyncGenerator[bytes, None]:
        try:
            for block in self._blocks:
                yield block
        finally:
            await asyncio.sleep(0)
            self.ended += 1


async def stays() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def is_gone() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def test_everything_is_sent_in_order() -> None:
    blocks, sent = Blocks(b"one", b"two"), list[dict[str, Any]]()

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    await StreamResponse(blocks.run(), {"x-coe-expert": "e"})({}, stays, send)
    assert sent[0]["status"] == 200
    assert (b"x-coe-expert", b"e") in sent[0]["headers"]
    assert [message["body"] for message in sent[1:]] == [b"one", b"two", b""]
    assert [message["more_body"] for message in sent[1:]] == [True, True, False]
    assert blocks.ended == 1


async def test_a_client_that_is_gone_before_the_headers_ends_the_blocks() -> None:
    blocks = Blocks(b"one", b"two")

    async def send(_: Any) -> None:
        await asyncio.Event().wait()

    await StreamResponse(blocks.run(), {})({}, is_gone, send)
    assert blocks.ended == 1


async def test_headers_that_cannot_be_sent_end_the_blocks() -> None:
    blocks = Blocks(b"one", b"two")

    async def send(_: Any) -> None:
        raise OSError("closed")

    with pytest.raises(OSError, match="closed"):
        await StreamResponse(blocks.run(), {})({}, stays, send)
    assert blocks.ended == 1


@pytest.mark.parametrize("ticks", range(6))
async def test_a_cancelled_request_ends_the_blocks_at_any_moment(ticks: int) -> None:
    blocks = Blocks(b"one", b"two")

    async def send(_: Any) -> None:
        await asyncio.Event().wait()

    task = asyncio.ensure_future(StreamResponse(blocks.run(), {})({}, stays, send))
    await asyncio.sleep(0)  # a request that never began has no answer to end
    for _ in range(ticks):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert blocks.ended == 1
