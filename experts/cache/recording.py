"""Streams on their way into the cache and out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Protocol, Self

from experts.cache.entry import is_finished
from experts.cache.forms import AnswerUnreadable, joined
from experts.calling.attempts import Attempt
from experts.calling.stream import ExpertStream
from experts.catalogue.expert import Expert
from experts.providers import sse
from experts.providers.protocol import Usage
from experts.providers.wire import Head, usage_chunk

_MOST = 4 * 1024 * 1024
_BLOCK = 8 * 1024
"""Bytes of a kept stream that are written at once."""
Keep = Callable[[bytes, Usage | None], None]


class AnswerStream(Protocol):
    """An answer as it comes, from an expert or from the cache: blocks of whole events.

    The last one ends with ``[DONE]``. It is iterated once, and closed.
    """

    @property
    def expert(self) -> Expert:
        """Who answers."""
        ...

    @property
    def attempts(self) -> Sequence[Attempt]:
        """All that was tried."""
        ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> bytes:
        """Return the next block."""
        ...

    async def aclose(self) -> None:
        """Let go of what it holds."""
        ...


class Recording:
    """The blocks of a stream as they pass.

    Args:
        most: Bytes that are kept; of a longer stream nothing is.
    """

    __slots__ = ("_blocks", "_most", "_size", "ended")

    def __init__(self, most: int = _MOST) -> None:
        self._blocks: list[bytes] = []
        self._size = 0
        self._most = most
        self.ended = False
        """Whether the stream has said that it ends."""

    def add(self, block: bytes) -> None:
        """Take a block of whole events."""
        self._size += len(block)
        if self._size > self._most:
            self._blocks.clear()
            return
        self._blocks.append(block)
        self.ended = self.ended or block.endswith(sse.DONE)

    def finished(self, usage: Usage | None) -> bytes | None:
        """Return the events of the answer with its usage, without ``[DONE]``; ``None`` if it is cut.

        Args:
            usage: What the expert counted; it may have been taken out of the stream.
        """
        if not self.ended or self._size > self._most:
            return None
        events = b"".join(
            event for event in sse.split_events(b"".join(self._blocks)) if not sse.is_done(event)
        )
        try:
            answer = joined(events)
        except AnswerUnreadable:
            return None
        if not is_finished(answer):
            return None
        if usage is not None and "usage" not in answer:
            events += sse.write_event(usage_chunk(_head(answer), usage))
        return events


class RecordedStream:
    """An expert's stream that is kept once its end has been passed on.

    Args:
        stream: That has begun.
        recording: Keeps its blocks.
        keep: Is called with the events of an answer that is all there.
        stack: Closed with it: whoever waits for the answer goes on.
    """

    def __init__(
        self, stream: ExpertStream, recording: Recording, keep: Keep, stack: AsyncExitStack
    ) -> None:
        self._stream = stream
        self._recording = recording
        self._keep = keep
        self._stack = stack

    @property
    def expert(self) -> Expert:
        """Who answers."""
        return self._stream.expert

    @property
    def attempts(self) -> Sequence[Attempt]:
        """All that was tried."""
        return self._stream.attempts

    @property
    def usage(self) -> Usage | None:
        """What the expert counted, once the stream has ended."""
        return self._stream.usage

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        block = await self._stream.__anext__()
        self._recording.add(block)
        return block

    async def aclose(self) -> None:
        """Keep what is all there, and let go of the expert."""
        try:
            await self._stream.aclose()
            events = self._recording.finished(self.usage)
            if events is not None:
                self._keep(events, self.usage)
        finally:
            await self._stack.aclose()


class ReplayedStream:
    """A kept answer, told as a stream: the same events, many of them in each block.

    Args:
        expert: Who gave it.
        events: Its events, without ``[DONE]``.
    """

    attempts: Sequence[Attempt] = ()
    usage: Usage | None = None

    def __init__(self, expert: Expert, events: Iterable[bytes]) -> None:
        self.expert = expert
        self._blocks = _blocks((*events, sse.DONE))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        for block in self._blocks:
            return block
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Nothing is held."""


def _blocks(events: Iterable[bytes]) -> Iterator[bytes]:
    """Yield events, as many together as are worth a write."""
    gathered, size = list[bytes](), 0
    for event in events:
        gathered.append(event)
        size += len(event)
        if size >= _BLOCK:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def _head(answer: dict[str, object]) -> Head:
    return Head(
        id=str(answer.get("id", "")),
        model=str(answer.get("model", "")),
        created=int(str(answer.get("created", 0))),
    )
