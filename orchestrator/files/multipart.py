"""Reads ``multipart/form-data`` (RFC 7578) as it comes: a file of any size takes no more than a piece of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message

_LONGEST_BOUNDARY = 70
_MOST_HEADERS = 16 * 1024
_DISPOSITION = re.compile(r"\s*form-data\s*(;|$)", re.IGNORECASE)


class MultipartInvalid(Exception):
    """The body is not what its content type says; tells what is wrong."""


@dataclass(frozen=True, slots=True)
class Part:
    """The beginning of a part.

    Args:
        name: Of the field.
        filename: Of the file; ``None``: it is none.
    """

    name: str
    filename: str | None


def boundary_of(content_type: str) -> bytes:
    """Return what stands between the parts.

    Raises:
        MultipartInvalid: If this is not the content type of a form with files.
    """
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise MultipartInvalid("a body of type multipart/form-data with a boundary is expected")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY or not boundary.isascii():
        raise MultipartInvalid("the boundary is not 1 to 70 ASCII characters")
    return boundary.encode()


async def parts_of(blocks: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[Part | bytes]:
    """Yield each part's beginning, then its bytes in pieces as they came.

    Args:
        blocks: The body.
        boundary: Between its parts.

    Raises:
        MultipartInvalid: If the body is malformed or ends too early.
    """
    buffer = _Buffer(blocks)
    delimiter = b"\r\n--" + boundary
    buffer.held = b"\r\n"  # the first delimiter has no line before it
    async for _ in buffer.until(delimiter):
        pass  # what comes before the first part is for nobody
    while True:
        ending = await buffer.line(_MOST_HEADERS)
        if ending.startswith(b"--"):
            return
        if ending.strip():
            raise MultipartInvalid("something follows a boundary on its line")
        yield _part(await _headers(buffer))
        async for piece in buffer.until(delimiter):
            if piece:
                yield piece


async def _headers(buffer: _Buffer) -> Message:
    message, room = Message(), _MOST_HEADERS
    while line := await buffer.line(room):
        room -= len(line)
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if not colon or "\r" in value:
            raise MultipartInvalid("a header of a part is malformed")
        message[name.strip()] = value.strip()
    return message


def _part(headers: Message) -> Part:
    disposition = headers.get("content-disposition", "")
    name = headers.get_param("name", header="content-disposition")
    if not _DISPOSITION.match(disposition) or not isinstance(name, str):
        raise MultipartInvalid("a part has no name")
    return Part(name, headers.get_filename())


class _Buffer:
    """What has come and is not used up yet."""

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self._blocks = blocks
        self.held = b""

    async def until(self, delimiter: bytes) -> AsyncIterator[bytes]:
        """Yield what comes before a delimiter, and use that up too."""
        while (place := self.held.find(delimiter)) < 0:
            safe = len(self.held) - len(delimiter) + 1  # the rest may be the delimiter's beginning
            if safe > 0:
                piece, self.held = self.held[:safe], self.held[safe:]
                yield piece
            self.held += await self._more()
        piece, self.held = self.held[:place], self.held[place + len(delimiter) :]
        yield piece

    async def line(self, most: int) -> bytes:
        """Return the next line without its end."""
        while (place := self.held.find(b"\r\n")) < 0:
            # The last delimiter may be followed by nothing at all.
            if self.held.startswith(b"--"):
                return self.held
            if len(self.held) > most:
                break
            self.held += await self._more()
        if place < 0 or place > most:
            raise MultipartInvalid("a line between the parts is too long")
        line, self.held = self.held[:place], self.held[place + 2 :]
        return line

    async def _more(self) -> bytes:
        async for block in self._blocks:
            if block:
                return block
        raise MultipartInvalid("the body ends before its last boundary")
