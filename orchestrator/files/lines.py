"""Lines of a file as its pieces come: never more than a piece and a line in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator


class LineTooLong(Exception):
    """A line is longer than any request may be; says which."""

    def __init__(self, number: int) -> None:
        super().__init__(f"line {number}")
        self.number = number


async def lines_of(
    pieces: AsyncIterator[bytes], longest: int
) -> AsyncIterator[list[tuple[int, bytes]]]:
    """Yield the lines of each piece that are not blank, with their numbers from 1.

    Args:
        pieces: The file.
        longest: Bytes of a line.

    Raises:
        LineTooLong: Of one that is longer.
    """
    number, rest = 0, b""
    async for piece in pieces:
        found = (rest + piece).split(b"\n")
        rest = found.pop()
        if len(rest) > longest:
            raise LineTooLong(number + len(found) + 1)
        yield _numbered(found, number, longest)
        number += len(found)
    yield _numbered([rest], number, longest)


def _numbered(found: list[bytes], before: int, longest: int) -> list[tuple[int, bytes]]:
    numbered = []
    for number, line in enumerate(found, start=before + 1):
        if len(line) > longest:
            raise LineTooLong(number)
        if line.strip():
            numbered.append((number, line))
    return numbered
