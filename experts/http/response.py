"""One answer as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Protocol

from experts.http.errors import BrokeOff, HttpError, HungUp
from experts.http.unpacking import Unpacker

_MOST_BUFFERED = 2**20
"""Bytes of a body that wait to be read; with more, the server has to wait."""


class Line(Protocol):
    """The connection that an answer comes over."""

    def pause(self) -> None:
        """Let the server wait."""
        ...

    def resume(self) -> None:
        """Let it go on."""
        ...

    def done(self, *, whole: bool) -> None:
        """Take another request, or end where the answer was not read to its end."""
        ...


class Response:
    """The answer to one request.

    Args:
        line: What it comes over.
    """

    __slots__ = (
        "_error",
        "_held",
        "_line",
        "_parts",
        "_paused",
        "_waiter",
        "begun",
        "headers",
        "status",
        "whole",
    )

    def __init__(self, line: Line) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        """By name in lower case; of several with one name, the last."""
        self.begun = False
        """Whether anything of it has come."""
        self.whole = False
        """Whether all of it has come."""
        self._line: Line | None = line
        self._parts: list[bytes] = []
        self._held = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._error: HttpError | None = None

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters; empty where there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def head(self) -> None:
        """Wait until status and headers are there.

        Raises:
            HungUp: If the connection ends before.
            UnreadableHead: If what comes is none.
        """
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._wait()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes.

        Raises:
            BrokeOff: If it ends before it is whole.
        """
        coding = self.headers.get("content-encoding", "").strip().lower()
        if coding in {"", "identity"}:
            while piece := await self.piece():
                yield piece
            return
        unpacker = Unpacker(coding)
        while part := await self.piece():
            for piece in unpacker.unpacked(part):
                yield piece
        unpacker.end()

    async def piece(self) -> bytes:
        """Return what has come of the body since, as it was sent, waiting for some; empty at its end.

        Raises:
            BrokeOff: If it ends before it is whole.
        """
        parts = self._parts
        while not parts:
            if self.whole:
                return b""
            if self._error is not None:
                raise BrokeOff(str(self._error)) from self._error
            await self._wait()
        found = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._held = 0
        if self._paused and self._line is not None:
            self._paused = False
            self._line.resume()
        return found

    def release(self) -> None:
        """Read no more of it."""
        line, self._line = self._line, None
        if line is not None:
            line.done(whole=self.whole)

    def announced(self, status: int, headers: dict[str, str]) -> None:
        """Note that the head is here."""
        self.status, self.headers = status, headers
        self._wake()

    def came(self, part: bytes) -> None:
        """Note that a part of the body is here."""
        self._parts.append(part)
        self._held += len(part)
        if self._held > _MOST_BUFFERED and not self._paused and self._line is not None:
            self._paused = True
            self._line.pause()
        self._wake()

    def ended(self) -> None:
        """Note that all is here."""
        self.whole = True
        self._wake()

    def failed(self, error: HttpError) -> None:
        """Note that no more of it will come."""
        if not self.whole and self._error is None:
            self._error = error
            self._wake()

    def lost(self) -> None:
        """Note that the connection has ended."""
        if self.status:
            self.failed(BrokeOff("the connection ended in the middle of the answer"))
        else:
            self.failed(HungUp(answered=self.begun))

    async def _wait(self) -> None:
        self._waiter = waiter = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
