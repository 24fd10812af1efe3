"""Lines out of bytes that come in any pieces."""

from __future__ import annotations

from collections.abc import Iterator


class Lines:
    """Takes bytes as they come, and gives whole lines; empty ones are left out."""

    def __init__(self) -> None:
        self._torn: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the lines that a piece completes."""
        *whole, torn = piece.split(b"\n")
        for line in whole:
            yield from self._line(line)
        if torn:
            self._torn.append(torn)

    def rest(self) -> Iterator[bytes]:
        """Yield the last line, if it has no end."""
        yield from self._line(b"")

    def _line(self, end: bytes) -> Iterator[bytes]:
        line = b"".join([*self._torn, end]).strip()
        self._torn.clear()
        if line:
            yield line
