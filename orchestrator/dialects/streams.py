"""Streams of chat completions told in another protocol: block by block, each event decoded once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

import msgspec

from experts.errors import ExpertAnswerInvalid
from experts.providers import sse, wire
from experts.providers.protocol import Usage
from orchestrator.chat.errors import api_error
from orchestrator.dialects.completion import Choice, Completion, first_choice, read
from orchestrator.dialects.parts import Assembly, Told


def event(kind: str, fields: dict[str, Any]) -> bytes:
    """Return a server-sent event with a name."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(fields))


class StreamTranslator(ABC):
    """Tells one stream of chat completions in another protocol.

    Subclasses say how; feed it blocks of whole events.

    Args:
        request_id: The request's id.
        model: The model as the caller named it; an answer that names its own goes before it.
        signed: Whether thought is told as its vendor signed it.
    """

    def __init__(self, request_id: str, model: str, *, signed: bool = False) -> None:
        self.request_id = request_id
        self.model = model
        self.assembly = Assembly(f"call_{request_id.removeprefix('req_')}", signed=signed)
        self.choice = Choice()
        """The chunk that ended the answer."""
        self.usage: Usage | None = None
        self.extension: Any = None
        """The explanation, where the caller asked for it."""
        self._begun = False

    def feed(self, block: bytes) -> bytes:
        """Return what a block comes to in the other protocol, possibly nothing.

        Raises:
            ExpertAnswerInvalid: If it holds something else than chunks.
        """
        told: list[bytes] = []
        for one in sse.split_events(block):
            data = sse.data_of(one)
            if data is None:
                told.append(self.alive())
            elif data == b"[DONE]":
                told += self._ended()
            else:
                told += self._chunk(read(data))
        return b"".join(told)

    def _chunk(self, chunk: Completion) -> Iterable[bytes]:
        if not self._begun:
            self._begun = True
            self.model = chunk.model or self.model
            if not chunk.error:
                yield self.begun()
        if chunk.error:
            yield self.failed(chunk.error if isinstance(chunk.error, dict) else {})
            return
        if chunk.usage:
            self.usage = wire.read_usage(chunk.usage) or self.usage
        if isinstance(chunk.coe, dict):
            yield self._extended(chunk.coe)
        choice = first_choice(chunk)
        if choice is None:
            return
        if choice.delta is not None:
            for told in self.assembly.add(choice, choice.delta):
                yield self.told(told)
        if choice.finish_reason:
            self.choice = choice

    def _extended(self, extension: dict[str, Any]) -> bytes:
        if "event" in extension:
            return self.happened(extension["event"])
        self.extension = extension
        return b""

    def _ended(self) -> Iterable[bytes]:
        for told in self.assembly.end():
            yield self.told(told)
        yield self.ended()

    @abstractmethod
    def begun(self) -> bytes:
        """Return the events that begin an answer."""

    @abstractmethod
    def told(self, told: Told) -> bytes:
        """Return the events that tell of a part."""

    @abstractmethod
    def ended(self) -> bytes:
        """Return the events that end a whole answer."""

    @abstractmethod
    def failed(self, error: dict[str, Any]) -> bytes:
        """Return the events that end one that failed, for an error in OpenAI's shape."""

    def happened(self, happening: dict[str, Any]) -> bytes:
        """Return the event for a step of a strategy, which those who asked for them get."""
        return event("coe", {"type": "coe", "coe": {"event": happening}})

    def alive(self) -> bytes:
        """Return a sign of life."""
        return b": at work\n\n"


async def translated(
    blocks: AsyncGenerator[bytes, None], translator: StreamTranslator
) -> AsyncGenerator[bytes, None]:
    """Yield blocks in another protocol; whatever ends this ends the blocks.

    A stream that cannot be read is failed at its source too, so that its account says so.
    """
    async with aclosing(blocks):
        try:
            async for block in blocks:
                told = translator.feed(block)
                if told:
                    yield told
        except ExpertAnswerInvalid as error:
            yield await _failed(blocks, translator, error)


async def _failed(
    blocks: AsyncGenerator[bytes, None], translator: StreamTranslator, error: ExpertAnswerInvalid
) -> bytes:
    try:
        return translator.feed(await blocks.athrow(error))
    except (ExpertAnswerInvalid, StopAsyncIteration):
        return translator.failed(api_error(error).body(translator.request_id)["error"])
