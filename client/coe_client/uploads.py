"""A file on its way to the service as ``multipart/form-data``: read piece by piece, never as a whole."""

from __future__ import annotations

import io
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

_PIECE = 256 * 1024
Progress = Callable[[int, int], None]
"""Told of bytes that are done, and of how many there are."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The body of an upload. It can be sent again, since it is read anew each time.

    Args:
        source: The file, or what is in it.
        purpose: What it is for.
        name: What it is called.
        progress: Told of the file's bytes that are on their way.
    """

    source: Path | bytes = field(repr=False)
    purpose: str
    name: str
    progress: Progress | None = None
    boundary: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def content_type(self) -> str:
        """The header that says what stands between the parts."""
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def size(self) -> int:
        """Bytes of the body.

        Raises:
            OSError: The file cannot be read.
        """
        return len(self._head) + self._length + len(self._tail)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body."""
        yield self._head
        done, total = 0, self._length
        with self._opened() as file:
            while piece := file.read(_PIECE):
                yield piece
                done += len(piece)
                if self.progress is not None:
                    self.progress(done, total)
        yield self._tail

    async def pieces_async(self) -> AsyncIterator[bytes]:
        """Yield the body; reading a piece of a file takes no longer than sending it."""
        for piece in self.pieces():
            yield piece

    @property
    def _length(self) -> int:
        if isinstance(self.source, bytes):
            return len(self.source)
        return self.source.stat().st_size

    def _opened(self) -> BinaryIO:
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")

    @property
    def _head(self) -> bytes:
        name = self.name.replace("\\", "_").replace('"', "_").replace("\r", "_")
        name = name.replace("\n", "_")
        return (
            f'--{self.boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\n'
            f"{self.purpose}\r\n--{self.boundary}\r\n"
            f'content-disposition: form-data; name="file"; filename="{name}"\r\n'
            "content-type: application/octet-stream\r\n\r\n"
        ).encode()

    @property
    def _tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()
