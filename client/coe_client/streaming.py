"""Streamed answers: iterate them, and leave them through their context manager.

A stream that is not read to its end holds a connection until it is closed::

    with client.chat.create("Tell me a story.", stream=True) as stream:
        for chunk in stream:
            print(chunk.text, end="")
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import aclosing, closing
from types import TracebackType
from typing import Self

from coe_client.chunks import ChunkReader
from coe_client.types.chat import ChatCompletionChunk, CompletionUsage
from coe_client.types.routing import Explanation, RouteInfo


class _Story:
    """What a stream knows about its answer."""

    def __init__(self, route: RouteInfo) -> None:
        self.route = route
        """Where the request went, from the headers of the stream."""
        self._reader = ChunkReader(route.request_id)

    @property
    def usage(self) -> CompletionUsage | None:
        """Tokens, once a chunk has told them."""
        return self._reader.usage

    @property
    def explanation(self) -> Explanation | None:
        """How the answer came to be, once the stream has ended, where ``explain=True``."""
        return self._reader.explanation


class ChatStream(_Story):
    """An iterator over the chunks of an answer.

    Iterating raises an ``APIStatusError`` where the service reports one half-way, and an
    ``APIConnectionError`` where the stream breaks off: a part is never passed off as the whole.
    """

    def __init__(
        self, route: RouteInfo, pieces: Generator[bytes], close: Callable[[], None]
    ) -> None:
        super().__init__(route)
        self._close = close
        self._chunks = self._read(pieces)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ChatCompletionChunk:
        return next(self._chunks)

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
        self._chunks.close()
        self._close()

    def _read(self, pieces: Generator[bytes]) -> Generator[ChatCompletionChunk]:
        with closing(pieces):
            for piece in pieces:
                yield from self._reader.feed(piece)
                if self._reader.done:
                    return
            self._reader.finish()


class AsyncChatStream(_Story):
    """An asynchronous iterator over the chunks of an answer; raises as :class:`ChatStream` does."""

    def __init__(
        self,
        route: RouteInfo,
        pieces: AsyncGenerator[bytes],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(route)
        self._close = close
        self._chunks = self._read(pieces)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatCompletionChunk:
        return await anext(self._chunks)

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
        await self._chunks.aclose()
        await self._close()

    async def _read(self, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[ChatCompletionChunk]:
        async with aclosing(pieces):
            async for piece in pieces:
                for chunk in self._reader.feed(piece):
                    yield chunk
                if self._reader.done:
                    return
            self._reader.finish()
