"""What the groups of operations have in common, for coroutines."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, TypeVar

from coe_client.paging import AsyncPages, PageRequest
from coe_client.requests import Request
from coe_client.settings import countdown

if TYPE_CHECKING:
    from coe_client.transport import AsyncTransport

T = TypeVar("T")
_FIRST_PAUSE = 0.1


class Ending(Protocol):
    """What is over at some time."""

    @property
    def over(self) -> bool:
        """Whether it is."""


P = TypeVar("P", bound=Ending)


class AsyncGroup:
    """Some operations. What is sent is built in :mod:`coe_client.operations`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def _send(self, request: Request[T]) -> T:
        return await self._transport.send(request)

    async def _poll(
        self,
        ask: Callable[[], Awaitable[P]],
        progress: Callable[[P], None] | None,
        every: float,
        within: float | None,
    ) -> P:
        """Ask until what is asked for is over.

        Args:
            ask: Asks.
            progress: Told each answer.
            every: Longest pause, in seconds; the first ones are shorter.
            within: Seconds until this gives up; ``None``: never.

        Raises:
            TimeoutError: It is not over by then.
        """
        left = countdown(within, time.monotonic)
        pause = min(_FIRST_PAUSE, every)
        while True:
            found = await ask()
            if progress is not None:
                progress(found)
            if found.over:
                return found
            rest = left()
            if rest == 0:
                raise TimeoutError(f"not over after {within} seconds")
            await self._transport.wait(pause if rest is None else min(pause, rest))
            pause = min(2 * pause, every)

    async def _pieces(self, request: Request[bytes]) -> AsyncGenerator[bytes]:
        """Yield a file as it comes; whoever stops early gives the connection back by closing this."""
        async with aclosing(self._transport.pieces(request)) as pieces:
            async for piece in pieces:
                yield piece

    def _pages(self, request: PageRequest[T]) -> AsyncPages[T]:
        return AsyncPages(self._transport.send, request)
