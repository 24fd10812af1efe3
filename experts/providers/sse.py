r"""Server-sent events, handled as bytes: cut into whole events, looked into only where it pays.

A token is a few bytes in a few hundred bytes of JSON. Parsing each of them to write the same JSON
again would be most of what the service does, so blocks of whole events travel unparsed, and a
substring search decides whether one is worth a look. The search is exact in one direction: inside
a JSON string a quote is escaped, so ``"usage"`` never occurs in text an expert wrote except as a
whole string, and the parse behind the search then tells a key from a value.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html (lines ended by a lone
``\r`` are allowed there, unknown on this wire, and not split here).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from experts.providers.protocol import Usage
from experts.providers.wire import UNREADABLE, read_usage

MAX_EVENT_BYTES = 16 * 1024 * 1024
DONE = b"data: [DONE]\n\n"
_BLANK_LINE = re.compile(rb"\n\r?\n")


class EventTooLong(ValueError):
    """More bytes than an event may have came without an end of event."""


class EventSplitter:
    r"""Cuts a byte stream after the last whole event there is.

    Args:
        limit: The most bytes of an unfinished event that are kept.
    """

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._rest = bytearray()

    @property
    def rest(self) -> bytes:
        """What came after the last whole event."""
        return bytes(self._rest)

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes, give back every event that is now whole (possibly none).

        Raises:
            EventTooLong: If an event does not end within the limit.
        """
        rest = self._rest
        if not rest:
            if chunk.endswith(b"\n\n"):
                return chunk
            end = _end_of_last_event(chunk, 0)
            self._keep(chunk[end:])
            return chunk[:end]
        # An end of event may straddle the seam: it is at most two bytes longer than what is new.
        seam = max(0, len(rest) - 2)
        self._keep(chunk)
        end = _end_of_last_event(rest, seam)
        block = bytes(rest[:end])
        del rest[:end]
        return block

    def _keep(self, tail: bytes) -> None:
        if len(self._rest) + len(tail) > self._limit:
            raise EventTooLong(f"an event of more than {self._limit} bytes")
        self._rest += tail


def _end_of_last_event(data: bytes | bytearray, start: int, stop: int | None = None) -> int:
    """Index after the last blank line that begins in this range; 0 where there is none."""
    plain = data.rfind(b"\n\n", start, stop)
    carriage = data.rfind(b"\n\r\n", start, stop)
    if carriage > plain:
        return carriage + 3
    return plain + 2 if plain >= 0 else 0


def split_events(block: bytes) -> Iterator[bytes]:
    """Yield the events of a block one by one, each with its blank line."""
    start = 0
    for blank in _BLANK_LINE.finditer(block):
        yield block[start : blank.end()]
        start = blank.end()
    if start < len(block):
        yield block[start:]


def events_with(block: bytes, word: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the events of a block that hold a word, each with its place in the block."""
    at = block.find(word)
    while at >= 0:
        start = _end_of_last_event(block, 0, at)
        blank = _BLANK_LINE.search(block, at)
        end = blank.end() if blank else len(block)
        yield start, block[start:end]
        at = block.find(word, end)


def data_of(event: bytes) -> bytes | None:
    """Return the data of one event, or ``None`` where it has none (a comment, a keep-alive)."""
    lines = [
        line[5:].removeprefix(b" ")
        for line in event.replace(b"\r\n", b"\n").split(b"\n")
        if line.startswith(b"data:")
    ]
    return b"\n".join(lines) if lines else None


def is_done(event: bytes) -> bool:
    """Tell whether this event ends the stream."""
    return b"[DONE]" in event and data_of(event) == b"[DONE]"


def write_event(data: bytes) -> bytes:
    """Write one event. ``data`` is JSON on one line."""
    return b"data: %b\n\n" % data


def usage_in(block: bytes) -> Usage | None:
    """Return the usage that a block names last, parsing only events that seem to name one."""
    return usage_taken(block)[0]


def without_usage_chunk(block: bytes) -> bytes:
    """Return the block without the chunk that carries only usage (its ``choices`` are empty)."""
    return usage_taken(block)[1]


def usage_taken(block: bytes) -> tuple[Usage | None, bytes]:
    """Return the usage that a block names last, and the block without a chunk of only that."""
    usage, kept, end = None, b"", 0
    for start, event in events_with(block, b'"usage"'):
        fields = _usage_fields(event)
        if fields is None:
            continue
        usage = read_usage(fields["usage"], fields.get("service_tier")) or usage
        if fields.get("choices") == []:
            kept += block[end:start]
            end = start + len(event)
    return usage, kept + block[end:] if end else block


def _usage_fields(event: bytes) -> dict[str, object] | None:
    # Many servers put "usage":null into every chunk; those are not worth parsing.
    if b'"usage":null' in event or b'"usage": null' in event:
        return None
    try:
        fields = msgspec.json.decode(data_of(event) or b"")
    except UNREADABLE:
        return None
    return fields if isinstance(fields, dict) and fields.get("usage") else None
