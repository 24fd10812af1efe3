"""What the groups of operations have in common, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import TYPE_CHECKING, Protocol, TypeVar

from coe_client.paging import PageRequest, Pages
from coe_client.requests import Request
from coe_client.settings import countdown

if TYPE_CHECKING:
    from coe_client.transport import Transport

T = TypeVar("T")
_FIRST_PAUSE = 0.1


class Ending(Protocol):
    """What is over at some time."""

    @property
    def over(self) -> bool:
        """Whether it is."""


P = TypeVar("P", bound=Ending)


class Group:
    """Some operations. What is sent is built in :mod:`coe_client.operations`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _send(self, request: Request[T]) -> T:
        return self._transport.send(request)

    def _poll(
        self,
        ask: Callable[[], P],
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
            found = ask()
            if progress is not None:
                progress(found)
            if found.over:
                return found
            rest = left()
            if rest == 0:
                raise TimeoutError(f"not over after {within} seconds")
            self._transport.wait(pause if rest is None else min(pause, rest))
            pause = min(2 * pause, every)

    def _pieces(self, request: Request[bytes]) -> Generator[bytes]:
        """Yield a file as it comes; whoever stops early gives the connection back by closing this."""
        with closing(self._transport.pieces(request)) as pieces:
            yield from pieces

    def _pages(self, request: PageRequest[T]) -> Pages[T]:
        return Pages(self._transport.send, request)
