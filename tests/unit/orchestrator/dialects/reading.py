"""Streams read back: chunks of experts, events of the other protocols."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import msgspec

from experts.providers.sse import EventSplitter, data_of, split_events
from orchestrator.dialects.completion import Choice, first_choice, read
from orchestrator.dialects.streams import StreamTranslator


def chunks_of(events: Iterable[bytes]) -> list[Choice]:
    """The first choices of the chunks of a stream."""
    data = [data_of(event) for event in events]
    found = [first_choice(read(one)) for one in data if one and one != b"[DONE]"]
    return [choice for choice in found if choice is not None]


def translated(translator: StreamTranslator, blocks: Iterable[bytes]) -> bytes:
    """A whole stream in another protocol."""
    return b"".join(translator.feed(block) for block in blocks)


def whole_blocks(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Bytes cut anywhere, as the blocks of whole events that a provider makes of them."""
    edges = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    splitter = EventSplitter()
    blocks = [splitter.feed(data[a:b]) for a, b in pairwise(edges)]
    return [block for block in blocks if block]


def named_events(stream: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream, by name; comments are left out."""
    found = []
    for event in split_events(stream):
        data = data_of(event)
        if data is not None:
            name = event.split(b"\n", 1)[0].removeprefix(b"event: ").decode()
            found.append((name, msgspec.json.decode(data)))
    return found
