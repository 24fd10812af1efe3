"""The pieces of a streamed answer: from bytes to typed chunks, or to the error that ended it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from coe_client.errors import APIConnectionError, APIResponseInvalidError
from coe_client.failures import error_from_event
from coe_client.requests import parse
from coe_client.sse import EventDecoder, EventTooLarge
from coe_client.types.chat import ChatCompletionChunk, CompletionUsage
from coe_client.types.routing import Explanation

END = "[DONE]"


class ChunkReader:
    """Reads one stream. Does no I/O, so the sync and the async stream share it.

    Args:
        request_id: From the headers of the stream, for errors.
    """

    def __init__(self, request_id: str | None) -> None:
        self._request_id = request_id
        self._decoder = EventDecoder()
        self.done = False
        """Whether the stream came to its proper end."""
        self.usage: CompletionUsage | None = None
        self.explanation: Explanation | None = None

    def feed(self, piece: bytes) -> Iterator[ChatCompletionChunk]:
        """Yield the chunks that ``piece`` completes; nothing after the end.

        Raises:
            APIStatusError: The stream holds an error.
            APIResponseInvalidError: The stream holds something else.
        """
        try:
            for event in self._decoder.feed(piece):
                if event.data == END:
                    self.done = True
                    return
                yield self._chunk(event.data)
        except EventTooLarge as error:
            raise APIResponseInvalidError(
                f"The stream cannot be read: {error}.", request_id=self._request_id
            ) from error

    def finish(self) -> None:
        """Tell that no more bytes will come.

        Raises:
            APIConnectionError: The stream has not come to its end.
        """
        if self.done:
            return
        last = self._decoder.flush()
        if last is None or last.data != END:
            raise APIConnectionError(
                "The stream broke off before its end.", request_id=self._request_id
            )
        self.done = True

    def _chunk(self, data: str) -> ChatCompletionChunk:
        if '"error"' in data:
            self._raise_if_error(data)
        chunk = parse(ChatCompletionChunk, data, request_id=self._request_id)
        self.usage = chunk.usage or self.usage
        self.explanation = chunk.coe or self.explanation
        return chunk

    def _raise_if_error(self, data: str) -> None:
        try:
            document = json.loads(data)
        except ValueError:
            return  # it is the parser's part to say what is wrong with it
        if isinstance(document, dict) and document.get("error"):
            raise error_from_event(document, request_id=self._request_id)
