"""One connection to a server, for one request at a time (HTTP/1.1, RFC 9112)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from experts.http.errors import BrokeOff, HttpError, UnreadableHead
from experts.http.response import Response

_MOST_HEAD_BYTES = 64 * 1024
_HEADER_BYTES = 32
"""What a header counts for besides its text, as in RFC 9113, 10.5.1: thousands of empty ones are too many, too."""
_INFORMATIONAL = range(100, 200)
_WITHOUT_BODY = {204, 304}


class Connection(asyncio.Protocol):
    """Sends requests and reads their answers; ``httptools`` (Node's parser) knows the grammar.

    Args:
        idle: Is told when it can take another request.
        closed: Is told when it has ended.
    """

    def __init__(
        self, idle: Callable[[Connection], None], closed: Callable[[Connection], None]
    ) -> None:
        self.idle_since = 0.0
        """When its last answer was read, by the clock of the loop."""
        self._idle = idle
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._response: Response | None = None
        self._headers: dict[str, str] = {}
        self._head_bytes = self._unread = 0
        self._until_end = False
        self._stays = self._surplus = False

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, head: bytes, body: bytes) -> Response:
        """Send a request and return its answer once that has begun.

        Raises:
            HungUp: If the connection ends before.
            UnreadableHead: If what comes is no answer.
        """
        assert self._transport is not None  # noqa: S101 (asked once it stands)
        self._response = response = Response(self)
        self._headers = {}
        self._head_bytes = self._unread = 0
        self._until_end = self._stays = False
        self._transport.writelines((head, body))
        try:
            await response.head()
        except BaseException:
            self.abort()
            raise
        return response

    def abort(self) -> None:
        """End it now."""
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Let the server wait."""
        if self.usable:
            self._the_transport.pause_reading()

    def resume(self) -> None:
        """Let it go on."""
        if self.usable:
            self._the_transport.resume_reading()

    def done(self, *, whole: bool) -> None:
        """Take another request, or end where the answer was not read to its end.

        That is how a server learns that nobody listens any more.
        """
        self._response = None
        if (
            whole
            and self._stays
            and not self._surplus
            and self.usable
            and not self._the_transport.get_write_buffer_size()
        ):
            self._idle(self)
        else:
            self.abort()

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that it stands."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        response = self._response
        if response is None or response.whole:  # nothing more was asked for
            self._stays = False
            self.abort()
            return
        response.begun = True
        unread = 0 if response.status else len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not response.whole:
                response.failed(_unreadable(response, error))
            self._stays = False
            self.abort()
            return
        if unread and not response.status:
            self._unread += unread
            if self._unread > _MOST_HEAD_BYTES:
                self._too_long(response)
        elif self._surplus:
            self.abort()

    def eof_received(self) -> None:
        """Note that nothing more comes; some bodies end that way."""
        self._end()

    def connection_lost(self, error: Exception | None) -> None:
        """Note that it has ended."""
        if error is None:
            self._end()
        if self._response is not None:
            self._response.lost()
        self._closed(self)

    # What the parser tells.

    def on_message_begin(self) -> None:
        """Note an answer that nobody asked for: it must not be taken for the next one, nor for a part of this."""
        if self._response is None or self._response.whole:
            self._surplus = True
            self._response = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those after a body are not looked at."""
        if self._response is not None and not self._response.status:
            self._head_bytes += len(name) + len(value) + _HEADER_BYTES
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Take the head; of one that is not the answer yet, nothing."""
        status = self._parser.get_status_code()
        headers, self._headers = self._headers, {}
        if status in _INFORMATIONAL or self._response is None:
            return
        if self._head_bytes > _MOST_HEAD_BYTES:
            self._too_long(self._response)
            return
        self._until_end = (
            "content-length" not in headers
            and "chunked" not in headers.get("transfer-encoding", "").lower()
            and status not in _WITHOUT_BODY
        )
        self._response.announced(status, headers)

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        if self._response is not None:
            self._response.came(part)

    def on_message_complete(self) -> None:
        """Note that the answer is whole."""
        response = self._response
        if response is None or not response.status:
            return
        self._stays = self._parser.should_keep_alive()
        response.ended()

    @property
    def _the_transport(self) -> asyncio.Transport:
        assert self._transport is not None  # noqa: S101 (asked for only where it stands)
        return self._transport

    def _too_long(self, response: Response) -> None:
        response.failed(UnreadableHead("the head is too long"))
        self.abort()

    def _end(self) -> None:
        response = self._response
        if response is not None and response.status and self._until_end:
            response.ended()


def _unreadable(response: Response, error: Exception) -> HttpError:
    if response.status:
        return BrokeOff(f"the body cannot be read: {error}")
    return UnreadableHead(f"the head cannot be read: {error}")
