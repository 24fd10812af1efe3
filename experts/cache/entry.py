"""An answer as it is kept: what was said, by whom, when; packed into bytes and back. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

_LEVEL = 1
"""Of DEFLATE: higher levels take several times as long for a tenth fewer bytes."""
_MAGIC = b"coe1"
_MOST_UNPACKED = 64 * 1024 * 1024
_FINISHED = frozenset({"stop", "tool_calls", "function_call"})


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer that is kept.

    Args:
        expert: Id of the expert that gave it.
        version: Of its catalogue entry.
        made_at: When, in Unix seconds.
        whole: The ``chat.completion`` object (or another whole answer), if it came so.
        streamed: The events of the stream without ``[DONE]``, if it came so.
        prompt_tokens: That its request had.
        completion_tokens: That it has.
        cost_nanos: What it cost, in billionths of a US dollar.
        category: What its request was about, if a router said so.
    """

    expert: str
    version: int
    made_at: float
    whole: bytes | None = None
    streamed: bytes | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_nanos: int = 0
    category: str | None = None

    def age(self, now: float) -> float:
        """Return how old it is in seconds; clocks of replicas may differ a little."""
        return max(now - self.made_at, 0.0)


class EntryUnreadable(ValueError):
    """These bytes are no entry: damaged, or of another release."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


def pack(entry: Entry) -> bytes:
    """Return an entry as bytes."""
    return _MAGIC + zlib.compress(_encoder.encode(entry), _LEVEL)


def unpack(data: bytes) -> Entry:
    """Return the entry of some bytes.

    Raises:
        EntryUnreadable: If they are none.
    """
    if not data.startswith(_MAGIC):
        raise EntryUnreadable("not an entry of this release")
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(memoryview(data)[len(_MAGIC) :], _MOST_UNPACKED)
        if not inflate.eof:
            raise EntryUnreadable("an entry that is cut, or too large")
        return _decoder.decode(plain)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EntryUnreadable(str(error)) from error


def is_finished(answer: Mapping[str, Any]) -> bool:
    """Tell whether a ``chat.completion`` object is all there: not cut for its length, not filtered."""
    choices = answer.get("choices")
    return (
        isinstance(choices, list)
        and bool(choices)
        and all(isinstance(one, dict) and one.get("finish_reason") in _FINISHED for one in choices)
    )
