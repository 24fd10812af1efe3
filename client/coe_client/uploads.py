"""A file on its way to the service as ``multipart/form-data``: read piece by piece, never as a whole."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """The body of an upload. It can be sent again, since the file is read anew each time.

    Args:
        path: The file.
        purpose: What it is for.
    """

    path: Path
    purpose: str
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
        return len(self._head) + self.path.stat().st_size + len(self._tail)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body."""
        yield self._head
        with self.path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
        yield self._tail

    async def pieces_async(self) -> AsyncIterator[bytes]:
        """Yield the body; reading a piece of a file takes no longer than sending it."""
        for piece in self.pieces():
            yield piece

    @property
    def _head(self) -> bytes:
        name = self.path.name.replace("\\", "_").replace('"', "_").replace("\r", "_")
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
