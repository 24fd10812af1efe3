"""Several worker processes of one service that share a port: who they are, and how they reach each other.

A connection reaches any of them. What only all of them know together, such as metrics, each asks of the others
over unix sockets in the data directory, one a process. The directory is its owner's alone.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_DIRECTORY = "serving"
_STATE = "/state-of-a-sibling"
_PATIENCE_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Member:
    """A worker process, one of several.

    Args:
        number: Its own, from 1. The first fills an untouched catalogue and has the admin pages.
        count: How many there are.
        directory: Where their sockets are.
        voucher: Secret by which they prove themselves to each other, see :class:`ClientAddress`.
    """

    number: int
    count: int
    directory: Path
    voucher: str

    @property
    def first(self) -> bool:
        """Whether it does what one of them has to do."""
        return self.number == 1

    def socket(self, number: int) -> Path:
        """Return where one of them is reached by the others."""
        return self.directory / f"{number}.sock"


def sockets_in(data_dir: Path) -> Path:
    """Return the directory of the sockets, empty and private."""
    directory = data_dir.absolute() / _DIRECTORY
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    return directory


class Siblings:
    """Asks the other processes how they are, and is asked.

    Args:
        member: Which one this is.
        state: Tells how this one is, in whatever form the others read.
    """

    def __init__(self, member: Member, state: Callable[[], Awaitable[bytes]]) -> None:
        self.member = member
        self._state = state

    def door(self, app: ASGIApp) -> ASGIApp:
        """Return what is served on this process's own socket: its state, and everything of the application."""

        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == _STATE:
                await Response(await self._state())(scope, receive, send)
            else:
                await app(scope, receive, send)

        return served

    async def states(self) -> dict[int, bytes | None]:
        """Return the state of each by its number; ``None``: it does not answer, it may be starting again."""
        numbers = range(1, self.member.count + 1)
        found = await asyncio.gather(*(self._of(number) for number in numbers))
        return dict(zip(numbers, found, strict=True))

    async def _of(self, number: int) -> bytes | None:
        if number == self.member.number:
            return await self._state()
        import aiohttp

        path = str(self.member.socket(number))
        limit = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.UnixConnector(path), timeout=limit
                ) as session,
                session.get(f"http://sibling{_STATE}", raise_for_status=True) as answer,
            ):
                return await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.info("worker process %d does not tell how it is: %s", number, error)
            return None
