"""Streamed answers: iterate them, and leave them through their context manager.

A stream that is not read to its end holds a connection until it is closed::

    with client.chat.create("Tell me a story.", stream=True) as stream:
        for chunk in stream:
            print(chunk.text, end="")

Iterating raises an ``APIStatusError`` where the service reports one half-way, and an ``APIConnectionError`` where
the stream breaks off: a part is never passed off as the whole.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import aclosing, closing
from types import TracebackType
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from coe_client.chunks import ChunkReader, MessageReader, ResponseReader
from coe_client.requests import Answer
from coe_client.types.chat import ChatCompletionChunk, CompletionUsage
from coe_client.types.protocols import MessageEvent, ResponseEvent
from coe_client.types.routing import Explanation, RouteInfo

E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)


class Reader(Protocol[E_co]):
    """Makes what a stream is made of out of its bytes (:mod:`coe_client.chunks`)."""

    done: bool

    def __init__(self, request_id: str | None) -> None: ...

    def feed(self, piece: bytes) -> Iterator[E_co]:
        """Yield what a piece completes."""

    def finish(self) -> None:
        """Tell that no more bytes will come."""


class _Begun(Generic[E]):
    """What a stream knows from its head."""

    _reading: ClassVar[type[Reader[Any]]]
    """Makes a reader; its argument is the id of the request, for errors."""

    def __init__(self, answer: Answer) -> None:
        self.headers: Mapping[str, str] = answer.headers
        """By lower-case name."""
        self.route = RouteInfo.from_headers(answer.headers)
        """Where the request went."""
        self._reader: Reader[E] = self._reading(answer.request_id)


class Stream(_Begun[E]):
    """An iterator over the pieces of an answer.

    Args:
        answer: Its head.
        pieces: Its bytes.
        close: Gives the connection back.
    """

    def __init__(self, answer: Answer, pieces: Generator[bytes], close: Callable[[], None]) -> None:
        super().__init__(answer)
        self._close = close
        self._events = self._read(pieces)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> E:
        return next(self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back. The service stops working on the answer."""
        self._events.close()
        self._close()

    def _read(self, pieces: Generator[bytes]) -> Generator[E]:
        with closing(pieces):
            for piece in pieces:
                yield from self._reader.feed(piece)
                if self._reader.done:
                    return
            self._reader.finish()


class AsyncStream(_Begun[E]):
    """As :class:`Stream`, to be read with ``async for``."""

    def __init__(
        self,
        answer: Answer,
        pieces: AsyncGenerator[bytes],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(answer)
        self._close = close
        self._events = self._read(pieces)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        return await anext(self._events)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connection back. The service stops working on the answer."""
        await self._events.aclose()
        await self._close()

    async def _read(self, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[E]:
        async with aclosing(pieces):
            async for piece in pieces:
                for event in self._reader.feed(piece):
                    yield event
                if self._reader.done:
                    return
            self._reader.finish()


class _Chat(_Begun[ChatCompletionChunk]):
    """What a stream of a chat knows about its answer."""

    _reading = ChunkReader
    _reader: ChunkReader

    @property
    def usage(self) -> CompletionUsage | None:
        """Tokens, once a chunk has told them."""
        return self._reader.usage

    @property
    def explanation(self) -> Explanation | None:
        """How the answer came to be, once the stream has ended, where ``explain=True``."""
        return self._reader.explanation


class ChatStream(_Chat, Stream[ChatCompletionChunk]):
    """An iterator over the chunks of an answer."""


class AsyncChatStream(_Chat, AsyncStream[ChatCompletionChunk]):
    """As :class:`ChatStream`, to be read with ``async for``."""


class ResponseStream(Stream[ResponseEvent]):
    """An iterator over the events of a response."""

    _reading = ResponseReader


class AsyncResponseStream(AsyncStream[ResponseEvent]):
    """As :class:`ResponseStream`, to be read with ``async for``."""

    _reading = ResponseReader


class MessageStream(Stream[MessageEvent]):
    """An iterator over the events of a message."""

    _reading = MessageReader


class AsyncMessageStream(AsyncStream[MessageEvent]):
    """As :class:`MessageStream`, to be read with ``async for``."""

    _reading = MessageReader
