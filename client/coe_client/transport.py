"""The only module that touches httpx: the same steps once with threads and once with coroutines.

It is imported when a client is built, not before: importing httpx takes longer than everything
else here together.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import aclosing, closing, contextmanager
from random import random as uniform
from typing import Any, TypeVar

import httpx

from coe_client.errors import (
    APIConnectionError,
    APIResponseInvalidError,
    APIStatusError,
    APITimeoutError,
    CoeError,
)
from coe_client.failures import error_from_answer
from coe_client.raw import note
from coe_client.requests import Answer, Request
from coe_client.retries import Attempts
from coe_client.settings import Settings, countdown
from coe_client.uploads import Upload

T = TypeVar("T")
S = TypeVar("S")
SecondsLeft = Callable[[], float | None]
Opens = Callable[[Answer, Generator[bytes], Callable[[], None]], S]
"""Makes a stream (:mod:`coe_client.streaming`)."""
AsyncOpens = Callable[[Answer, AsyncGenerator[bytes], Callable[[], Awaitable[None]]], S]

USER_AGENT = "coe-client-python/0.1.0"
NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)
"""Failures before the first byte of the request could leave."""


class Transport:
    """Sends requests through an ``httpx.Client``; safe to share between threads.

    Args:
        settings: Address, key, timeouts, retries.
        http: A client of the caller's, who also closes it; ``None``: one of our own.
        sleep: Waits for a number of seconds; ``None``: the standard library's.
        random: Returns a number in [0, 1).
    """

    def __init__(
        self,
        settings: Settings,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] | None = None,
        random: Callable[[], float] = uniform,
    ) -> None:
        self.settings = settings
        self.http = http or httpx.Client(trust_env=not settings.is_loopback)
        self._owned = http is None
        self._sleep = sleep or time.sleep
        self._random = random

    def with_settings(self, settings: Settings) -> Transport:
        """Return a transport over the same connections, which remain this one's to close."""
        return Transport(settings, self.http, self._sleep, self._random)

    def send(self, request: Request[T]) -> T:
        """Return the result of a request.

        Raises:
            CoeError: Of the kind that says what went wrong.
        """
        left = countdown(self.settings.timeouts.total, time.monotonic)

        def once() -> T:
            response = self._open(request, left)
            answer = _answer(response, b"".join(_pieces(response, left)))
            note(answer)
            return request.read(answer)

        return self._persist(request, left, once)

    def stream(self, request: Request[Any], kind: Opens[S]) -> S:
        """Return the stream of an answer once its headers are there.

        Raises:
            CoeError: Of the kind that says what went wrong.
        """
        response, left = self._streaming(request)
        return kind(_answer(response), _pieces(response, left), response.close)

    def pieces(self, request: Request[Any]) -> Generator[bytes]:
        """Yield the body of a stream as it comes.

        Raises:
            CoeError: Of the kind that says what went wrong.
        """
        response, left = self._streaming(request)
        yield from _pieces(response, left)

    def wait(self, seconds: float) -> None:
        """Wait before another try."""
        self._sleep(seconds)

    def _streaming(self, request: Request[Any]) -> tuple[httpx.Response, SecondsLeft]:
        left = countdown(self.settings.timeouts.total, time.monotonic)
        response = self._persist(request, left, lambda: self._open(request, left))
        try:
            _check_type(request, response)
        except CoeError:
            response.close()
            raise
        note(_answer(response))
        return response, left

    def close(self) -> None:
        """Close the connections, unless they are the caller's."""
        if self._owned:
            self.http.close()

    def _persist(self, request: Request[Any], left: SecondsLeft, once: Callable[[], T]) -> T:
        attempts = _attempts(request, self.settings, self._random, left)
        while True:
            try:
                return once()
            except CoeError as error:
                pause = attempts.pause_after(error)
                if pause is None:
                    raise
            self._sleep(pause)

    def _open(self, request: Request[Any], left: SecondsLeft) -> httpx.Response:
        built = _build(request, self.settings, left(), self.http)
        with _translated():
            response = self.http.send(built, stream=True)
        if request.succeeded(response.status_code):
            return response
        raise _refusal(response, b"".join(_pieces(response, left)), self.settings)


class AsyncTransport:
    """Sends requests through an ``httpx.AsyncClient``.

    Args:
        settings: Address, key, timeouts, retries.
        http: A client of the caller's, who also closes it; ``None``: one of our own.
        sleep: Waits for a number of seconds; ``None``: the standard library's.
        random: Returns a number in [0, 1).
    """

    def __init__(
        self,
        settings: Settings,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        random: Callable[[], float] = uniform,
    ) -> None:
        self.settings = settings
        self.http = http or httpx.AsyncClient(trust_env=not settings.is_loopback)
        self._owned = http is None
        self._sleep = sleep or asyncio.sleep
        self._random = random

    def with_settings(self, settings: Settings) -> AsyncTransport:
        """Return a transport over the same connections, which remain this one's to close."""
        return AsyncTransport(settings, self.http, self._sleep, self._random)

    async def send(self, request: Request[T]) -> T:
        """As :meth:`Transport.send`."""
        left = countdown(self.settings.timeouts.total, time.monotonic)

        async def once() -> T:
            response = await self._open(request, left)
            body = b"".join([piece async for piece in _pieces_async(response, left)])
            answer = _answer(response, body)
            note(answer)
            return request.read(answer)

        return await self._persist(request, left, once)

    async def stream(self, request: Request[Any], kind: AsyncOpens[S]) -> S:
        """As :meth:`Transport.stream`."""
        response, left = await self._streaming(request)
        return kind(_answer(response), _pieces_async(response, left), response.aclose)

    async def pieces(self, request: Request[Any]) -> AsyncGenerator[bytes]:
        """As :meth:`Transport.pieces`."""
        response, left = await self._streaming(request)
        async with aclosing(_pieces_async(response, left)) as pieces:
            async for piece in pieces:
                yield piece

    async def wait(self, seconds: float) -> None:
        """Wait before another try."""
        await self._sleep(seconds)

    async def _streaming(self, request: Request[Any]) -> tuple[httpx.Response, SecondsLeft]:
        left = countdown(self.settings.timeouts.total, time.monotonic)
        response = await self._persist(request, left, lambda: self._open(request, left))
        try:
            _check_type(request, response)
        except CoeError:
            await response.aclose()
            raise
        note(_answer(response))
        return response, left

    async def close(self) -> None:
        """Close the connections, unless they are the caller's."""
        if self._owned:
            await self.http.aclose()

    async def _persist(
        self, request: Request[Any], left: SecondsLeft, once: Callable[[], Awaitable[T]]
    ) -> T:
        attempts = _attempts(request, self.settings, self._random, left)
        while True:
            try:
                return await once()
            except CoeError as error:
                pause = attempts.pause_after(error)
                if pause is None:
                    raise
            await self._sleep(pause)

    async def _open(self, request: Request[Any], left: SecondsLeft) -> httpx.Response:
        built = _build(request, self.settings, left(), self.http)
        with _translated():
            response = await self.http.send(built, stream=True)
        if request.succeeded(response.status_code):
            return response
        body = b"".join([piece async for piece in _pieces_async(response, left)])
        raise _refusal(response, body, self.settings)


def _pieces(response: httpx.Response, left: SecondsLeft) -> Generator[bytes]:
    """Yield the body as it comes, and close the response at its end."""
    with closing(response), _translated(_answer(response).request_id):
        for piece in response.iter_bytes():
            yield piece
            _check_time(left)


async def _pieces_async(response: httpx.Response, left: SecondsLeft) -> AsyncGenerator[bytes]:
    """As :func:`_pieces`."""
    async with aclosing(response):
        with _translated(_answer(response).request_id):
            async for piece in response.aiter_bytes():
                yield piece
                _check_time(left)


def _attempts(
    request: Request[Any], settings: Settings, random: Callable[[], float], left: SecondsLeft
) -> Attempts:
    return Attempts(request.repeatable, settings.max_retries, random, left)


def _build(
    request: Request[Any],
    settings: Settings,
    seconds_left: float | None,
    http: httpx.Client | httpx.AsyncClient,
) -> httpx.Request:
    """Turn a request into httpx's; no wait is longer than the rest of the call's time."""
    headers = {"accept": request.content_type, "user-agent": USER_AGENT, **settings.headers}
    upload = request.body if isinstance(request.body, Upload) else None
    content: Any
    if upload is not None:
        headers |= {"content-type": upload.content_type, "content-length": str(upload.size)}
        sync = isinstance(http, httpx.Client)
        content = upload.pieces() if sync else upload.pieces_async()
    elif (content := request.content()) is not None:
        binary = isinstance(request.body, bytes)
        headers["content-type"] = "application/octet-stream" if binary else "application/json"
    if settings.api_key is not None:
        headers["authorization"] = f"Bearer {settings.api_key}"
    connect = _shorter(settings.timeouts.connect, seconds_left)
    read = _shorter(settings.timeouts.read, seconds_left)
    return http.build_request(
        request.method,
        settings.base_url + request.path,
        headers=headers,
        content=content,
        timeout=httpx.Timeout(connect=connect, pool=connect, read=read, write=read),
    )


def _shorter(wait: float | None, seconds_left: float | None) -> float | None:
    return min((time for time in (wait, seconds_left) if time is not None), default=None)


def _check_time(left: SecondsLeft) -> None:
    if left() == 0:
        raise APITimeoutError("The time allowed for the whole call is used up.")


@contextmanager
def _translated(request_id: str | None = None) -> Iterator[None]:
    """Turn httpx's errors into ours. ``request_id`` is known once the answer has begun."""
    try:
        yield
    except APIConnectionError as error:
        error.request_id = error.request_id or request_id
        raise
    except httpx.DecodingError as error:
        raise APIResponseInvalidError(
            "The answer cannot be decompressed.", request_id=request_id
        ) from error
    except httpx.RequestError as error:
        late = isinstance(error, httpx.TimeoutException)
        sent = not isinstance(error, NEVER_SENT)
        what = {
            (True, True): "The service did not answer in time",
            (True, False): "No connection to the service in time",
            (False, True): "The connection to the service broke off",
            (False, False): "The service cannot be reached",
        }[late, sent]
        detail = f"{what} at {error.request.url.copy_with(raw_path=b'/')}"
        message = f"{detail}: {error}." if str(error) else f"{detail}."
        kind = APITimeoutError if late else APIConnectionError
        raise kind(message, request_id=request_id, sent=sent) from error


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _answer(response: httpx.Response, body: bytes = b"") -> Answer:
    return Answer(response.status_code, _headers(response), body)


def _refusal(response: httpx.Response, body: bytes, settings: Settings) -> APIStatusError:
    if settings.api_key is not None:  # a server might quote what it was sent
        body = body.replace(settings.api_key.encode(), b"***")
    return error_from_answer(response.status_code, _headers(response), body)


def _check_type(request: Request[Any], response: httpx.Response) -> None:
    """Make sure that the answer is of the type asked for, and not some proxy's page."""
    answer = _answer(response)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != request.content_type:
        raise APIResponseInvalidError(
            f"The answer should be {request.content_type} and is {kind or 'of no type'}.",
            request_id=answer.request_id,
        )
