"""Server-sent events, from bytes in any pieces to events.

Source: WHATWG HTML, "Server-sent events", 9.2.6 "Interpreting an event stream".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LARGEST_EVENT = 16 * 1024 * 1024


class EventTooLarge(ValueError):
    """An event is larger than the decoder is willing to hold."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its data, and its name where the stream gave one."""

    data: str
    name: str = "message"


class EventDecoder:
    """Takes a stream's bytes as they come and returns the events they complete.

    Lines may end in LF, CR or CRLF, an ending may be torn apart between two pieces, and so may a
    character. ``id`` and ``retry`` are read over: a broken-off answer cannot be resumed.

    Args:
        largest_event: Bytes of one event that are held before :class:`EventTooLarge` is raised.
    """

    def __init__(self, largest_event: int = LARGEST_EVENT) -> None:
        self._largest_event = largest_event
        self._torn: list[bytes] = []  # pieces of the line that is not complete yet
        self._data: list[bytes] = []
        self._held = 0
        self._name = b""
        self._after_cr = False
        self._at_start = True

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Yield the events that ``piece`` completes.

        Raises:
            EventTooLarge: When one event outgrows the limit.
        """
        for line in self._lines(piece):
            if line:
                self._field(line)
            elif (event := self._dispatch()) is not None:
                yield event

    def flush(self) -> Event | None:
        """Return the event the stream ended in, without its closing empty line, if any.

        The specification discards such an event, since its end may be missing. The caller must
        know a whole one by its content, as with ``[DONE]``.
        """
        if last := self._whole(b""):
            self._field(last)
        return self._dispatch()

    def _lines(self, piece: bytes) -> Iterator[bytes]:
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if not piece:
            return
        self._after_cr = piece.endswith(b"\r")
        lines = piece.splitlines()
        torn = lines.pop() if piece[-1:] not in b"\r\n" else b""
        for line in lines:
            yield self._whole(line)
        if torn:
            self._torn.append(torn)
            self._hold(len(torn))

    def _whole(self, end: bytes) -> bytes:
        """Put a line together from its torn pieces and its end."""
        self._held -= sum(map(len, self._torn))
        line = b"".join([*self._torn, end])
        self._torn.clear()
        if self._at_start:
            self._at_start = False
            return line.removeprefix(BYTE_ORDER_MARK)
        return line

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._hold(len(value))
        elif name == b"event":
            self._name = value

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > self._largest_event:
            raise EventTooLarge(f"an event is larger than {self._largest_event} bytes")

    def _dispatch(self) -> Event | None:
        data, name = self._data, self._name
        self._data, self._name, self._held = [], b"", 0
        if not data:
            return None
        text = b"\n".join(data).decode("utf-8", "replace")
        return Event(text, name.decode("utf-8", "replace") or "message")
