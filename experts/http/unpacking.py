"""Compressed bodies, unpacked in pieces of a bounded size (RFC 9110, 8.4.1)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from experts.http.errors import BrokeOff

_MOST_AT_ONCE = 2**18
_FORMATS = {"gzip": 31, "x-gzip": 31, "deflate": zlib.MAX_WBITS}
"""By the name of the coding, what zlib calls its format."""


class Unpacker:
    """Unpacks one body.

    It was asked for without compression, but some servers compress all the same.

    Args:
        coding: As ``content-encoding`` has it.

    Raises:
        BrokeOff: If this is none that can be unpacked.
    """

    def __init__(self, coding: str) -> None:
        window = _FORMATS.get(coding)
        if window is None:
            raise BrokeOff(f"the body has the content encoding {coding!r}")
        self._inflate = zlib.decompressobj(window)

    def unpacked(self, part: bytes) -> Iterator[bytes]:
        """Yield what a part of the body holds, piece by piece; as little as is wanted is unpacked.

        Raises:
            BrokeOff: If it is not packed as it should be.
        """
        try:
            while part:
                piece = self._inflate.decompress(part, _MOST_AT_ONCE)
                part = self._inflate.unconsumed_tail
                if piece:
                    yield piece
        except zlib.error as error:
            raise BrokeOff("the body is not packed as it says") from error

    def end(self) -> None:
        """Check that the body was whole.

        Raises:
            BrokeOff: If it was not.
        """
        if not self._inflate.eof:
            raise BrokeOff("the packed body ends in the middle")
