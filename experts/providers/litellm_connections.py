"""The connections that litellm makes: to allowed addresses only, and answers no larger than is wanted.

litellm takes a session of ours for a call, but does not use it everywhere: not for every vendor, and not
for the second attempt after a connection broke. What all its asynchronous clients do is to ask one
function for their transport; that one is replaced here. Few vendors are called by clients of other
kinds; those are named in :data:`UNGUARDED`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any

from experts.providers.addresses import AddressPolicy, guarded_connector

if TYPE_CHECKING:
    import aiohttp

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Of a whole answer."""
MAX_LINE_BYTES = 16 * 1024 * 1024
"""Of one event of a stream, or of anything else in it that does not end."""
UNGUARDED = frozenset(
    ["aiohttp_openai", "amazon_nova", "custom", "maritalk", "nlp_cloud", "oobabooga", "petals"]
)
"""Vendors of litellm's that it calls by other clients than those that are made to measure here."""
_STREAMS = ("text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream")
_KEPT_SECONDS = 120.0

_policy: ContextVar[AddressPolicy] = ContextVar("litellm_addresses", default=AddressPolicy())  # noqa: B039 (frozen)


class AnswerRefused(Exception):
    """An answer is more than is wanted of one; the message says how, after its sender's name."""


def use(policy: AddressPolicy) -> None:
    """Let the calls that the current task makes from now on lead where a policy allows it."""
    _policy.set(policy)


def guard() -> None:
    """Make litellm's asynchronous clients connect as is said here; they are made anew."""
    litellm = import_module("litellm")
    handler = import_module("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler
    handler.create_async_transport = handler._create_async_transport = staticmethod(_transport)  # noqa: SLF001
    litellm.in_memory_llm_clients_cache.flush_cache()


def refused_answer(error: BaseException | None) -> AnswerRefused | None:
    """Return the :class:`AnswerRefused` that an error came of, if it did."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, AnswerRefused):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _transport(ssl_context: Any = None, ssl_verify: bool | None = None, **_: Any) -> Any:
    """Return a transport for one of litellm's clients; see its ``AsyncHTTPHandler``.

    Args:
        ssl_context: How servers prove who they are.
        ssl_verify: ``False`` where they need not.
    """
    made = import_module("litellm.llms.custom_httpx.aiohttp_transport")
    ssl = False if ssl_context is None and ssl_verify is False else ssl_context
    return made.LiteLLMAiohttpTransport(client=lambda: _session(ssl), ssl_verify=ssl)


def _session(ssl: Any) -> aiohttp.ClientSession:
    import aiohttp

    tracing = aiohttp.TraceConfig()
    tracing.on_request_start.append(_ask_for_plain)
    options = {} if ssl is None else {"ssl": ssl}
    return aiohttp.ClientSession(
        connector=guarded_connector(
            _Current(), keepalive_timeout=_KEPT_SECONDS, limit=0, **options
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=_bounded_response(),
        trace_configs=[tracing],
    )


class _Current:
    """The policy of whoever calls."""

    def check(self, host: str, addresses: Sequence[str]) -> None:
        _policy.get().check(host, addresses)


async def _ask_for_plain(_: Any, __: Any, params: Any) -> None:
    """Ask for an answer that is not compressed: litellm unpacks without a bound."""
    params.headers["accept-encoding"] = "identity"


def _bounded_response() -> type[aiohttp.ClientResponse]:
    import aiohttp

    class Response(aiohttp.ClientResponse):
        """Refuses what is compressed, and reads no more than is wanted."""

        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            await super().start(connection)
            if self.headers.get("content-encoding", "identity").lower() != "identity":
                self.close()
                raise AnswerRefused("answered compressed, which it was not asked for")
            self.content = _Bounded(self.content, self.content_type)  # type: ignore[assignment]
            return self

    return Response


class _Bounded:
    """A response's body that ends where it is too much.

    Args:
        body: The body.
        content_type: As announced.
    """

    def __init__(self, body: aiohttp.StreamReader, content_type: str) -> None:
        self._body = body
        self._streamed = content_type in _STREAMS
        self._limit = MAX_LINE_BYTES if self._streamed else MAX_ANSWER_BYTES
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield the body in pieces.

        Raises:
            AnswerRefused: If it is too much.
        """
        async for piece in self._body.iter_chunked(size):
            self._count(piece)
            yield piece

    def _count(self, piece: bytes) -> None:
        end = piece.rfind(b"\n") if self._streamed else -1
        self._size = self._size + len(piece) if end < 0 else len(piece) - end
        if self._size > self._limit:
            raise AnswerRefused(f"answered with more than {self._limit} bytes")
