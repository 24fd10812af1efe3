"""The pieces of a streamed answer: from bytes to what is typed, or to the error that ended it.

Nothing here does I/O, so the streams for threads and those for coroutines share it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from coe_client.errors import APIConnectionError, APIResponseInvalidError
from coe_client.failures import error_from_event
from coe_client.requests import parse
from coe_client.sse import EventDecoder, EventTooLarge
from coe_client.types.chat import ChatCompletionChunk, CompletionUsage
from coe_client.types.protocols import MessageEvent, ResponseEvent
from coe_client.types.routing import Explanation

E = TypeVar("E")
END = "[DONE]"


class _Reader(Generic[E]):
    """Reads one stream.

    Args:
        request_id: From the headers of the stream, for errors.
    """

    def __init__(self, request_id: str | None) -> None:
        self._request_id = request_id
        self._decoder = EventDecoder()
        self.done = False
        """Whether the stream came to its proper end."""

    def feed(self, piece: bytes) -> Iterator[E]:
        """Yield what ``piece`` completes; nothing after the end.

        Raises:
            APIStatusError: The stream holds an error.
            APIResponseInvalidError: The stream holds something else.
        """
        try:
            for event in self._decoder.feed(piece):
                yield from self._told(event.data)
                if self.done:
                    return
        except EventTooLarge as error:
            raise APIResponseInvalidError(
                f"The stream cannot be read: {error}.", request_id=self._request_id
            ) from error

    def finish(self) -> None:
        """Tell that no more bytes will come.

        Raises:
            APIConnectionError: The stream has not come to its end.
        """
        if not self.done:
            last = self._decoder.flush()
            if last is not None and self._is_end(last.data):
                self.done = True
        if not self.done:
            raise APIConnectionError(
                "The stream broke off before its end.", request_id=self._request_id
            )

    def _told(self, data: str) -> Iterator[E]:
        raise NotImplementedError

    def _is_end(self, data: str) -> bool:  # noqa: ARG002 (other protocols end with an event like any other)
        return False

    def _failure(self, data: str) -> dict[str, Any] | None:
        """Return the document of an event that tells of an error."""
        if '"error"' not in data:
            return None
        try:
            document = json.loads(data)
        except ValueError:
            return None  # it is the parser's part to say what is wrong with it
        return document if isinstance(document, dict) else None


class ChunkReader(_Reader[ChatCompletionChunk]):
    """Reads a stream of chat completions."""

    def __init__(self, request_id: str | None) -> None:
        super().__init__(request_id)
        self.usage: CompletionUsage | None = None
        self.explanation: Explanation | None = None

    def _told(self, data: str) -> Iterator[ChatCompletionChunk]:
        if self._is_end(data):
            self.done = True
            return
        failure = self._failure(data)
        if failure is not None and failure.get("error"):
            raise error_from_event(failure, request_id=self._request_id)
        chunk = parse(ChatCompletionChunk, data, request_id=self._request_id)
        self.usage = chunk.usage or self.usage
        self.explanation = chunk.coe or self.explanation
        yield chunk

    def _is_end(self, data: str) -> bool:
        return data == END


class ResponseReader(_Reader[ResponseEvent]):
    """Reads a stream of OpenAI's Responses protocol."""

    def _told(self, data: str) -> Iterator[ResponseEvent]:
        failure = self._failure(data)
        if failure is not None and failure.get("type") == "error":
            said = {name: failure.get(name) for name in ("code", "message", "param")}
            raise error_from_event({"error": said}, request_id=self._request_id)
        event = parse(ResponseEvent, data, request_id=self._request_id)
        self.done = event.type in {"response.completed", "response.incomplete"}
        yield event


class MessageReader(_Reader[MessageEvent]):
    """Reads a stream of Anthropic's Messages protocol."""

    def _told(self, data: str) -> Iterator[MessageEvent]:
        failure = self._failure(data)
        if failure is not None and failure.get("type") == "error":
            raise error_from_event(failure, request_id=self._request_id)
        event = parse(MessageEvent, data, request_id=self._request_id)
        self.done = event.type == "message_stop"
        yield event
