"""Deadlines of one call, the same for every provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from experts.errors import ExpertTimedOut
from experts.providers.protocol import ExpertCall

T = TypeVar("T")


async def whole_in_time(work: Coroutine[Any, Any, T], call: ExpertCall) -> T:
    """Await a whole answer, no longer than the call allows.

    Raises:
        ExpertTimedOut: When the time is over; the work is cancelled.
    """
    try:
        async with asyncio.timeout(call.timeout):
            return await work
    except TimeoutError as error:
        raise _timed_out(call, "its answer", call.timeout) from error


async def stream_in_time(
    blocks: AsyncGenerator[bytes, None], call: ExpertCall
) -> AsyncGenerator[bytes, None]:
    """Yield the blocks, the first and the last no later than the call allows.

    The timer runs only while a block is waited for: never while the reader holds one.

    Raises:
        ExpertTimedOut: When the time is over; the generator is closed.
    """
    began = asyncio.get_running_loop().time()
    last = began + call.timeout
    limit = min(began + call.first_token_timeout, last)
    async with aclosing(blocks):
        while True:
            try:
                async with asyncio.timeout_at(limit):
                    block = await anext(blocks, None)
            except TimeoutError as error:
                first = limit != last
                awaited = "the first token" if first else "the end of its answer"
                raise _timed_out(call, awaited, limit - began) from error
            if block is None:
                return
            limit = last
            yield block


def _timed_out(call: ExpertCall, awaited: str, seconds: float) -> ExpertTimedOut:
    name = call.expert.id
    return ExpertTimedOut(f"expert '{name}': {awaited} did not come in {seconds:g} s", expert=name)
