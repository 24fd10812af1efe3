"""Guardrails as they are named in the settings: a function of Python's, or a server over HTTP."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import msgspec

from experts.catalogue.addresses import address_problem
from orchestrator.guardrails.values import Event, HookFailed

if TYPE_CHECKING:
    import aiohttp

MAX_REPLY_BYTES = 32 * 1024 * 1024
_OK = 200


class Hook(Protocol):
    """Judges events."""

    @property
    def name(self) -> str:
        """For logs."""
        ...

    async def ask(self, event: Event) -> Any:
        """Return the reply, unread.

        Raises:
            HookFailed: If there is none.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


class PythonHook:
    """A function of one :class:`Event`, a coroutine or not; one that is not runs in a thread.

    Args:
        name: ``module:function``.

    Raises:
        ValueError: If there is no such function.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._judge = _function(name)

    async def ask(self, event: Event) -> Any:
        """Return what the function returns."""
        try:
            if inspect.iscoroutinefunction(self._judge):
                return await self._judge(event)
            return await asyncio.to_thread(self._judge, event)
        except Exception as error:
            raise HookFailed(f"it raised {type(error).__name__}") from error

    async def aclose(self) -> None:
        """Nothing is held."""


class HttpHook:
    """A server that is sent each event as JSON and answers with a verdict.

    Redirects are not followed.

    Args:
        url: Where to.
        key: Sent as a bearer token.

    Raises:
        ValueError: If the URL cannot be one.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        problem = address_problem(url.partition("?")[0])
        if problem is not None:
            raise ValueError(f"a guardrail's URL {problem}")
        self.name = urlsplit(url).netloc
        self._url = url
        self._headers = {"content-type": "application/json"}
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, event: Event) -> Any:
        """Return the decoded answer."""
        import aiohttp

        try:
            async with self._client().post(
                self._url,
                data=msgspec.json.encode(asdict(event)),
                headers=self._headers,
                allow_redirects=False,
            ) as answer:
                if answer.status != _OK:
                    raise HookFailed(f"it answered {answer.status}")
                return msgspec.json.decode(await _read(answer))
        except (aiohttp.ClientError, OSError) as error:
            raise HookFailed(f"it cannot be reached: {type(error).__name__}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise HookFailed("its answer is not JSON") from error

    async def aclose(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _client(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=None)
            )
        return self._session


def make_hooks(setting: str, key: str | None = None) -> tuple[Hook, ...]:
    """Return the guardrails that a setting names, with commas between.

    Args:
        setting: ``module:function`` and URLs.
        key: Sent to those that are URLs.

    Raises:
        ValueError: If one cannot be had; says which and why.
    """
    names = [part.strip() for part in setting.split(",") if part.strip()]
    return tuple(
        HttpHook(name, key) if name.startswith(("http://", "https://")) else PythonHook(name)
        for name in names
    )


def _function(name: str) -> Callable[[Event], Any]:
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise ValueError(f"{name!r} is neither 'module:function' nor a URL")
    try:
        function = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name!r} cannot be loaded: {error}") from error
    if not callable(function):
        raise ValueError(f"{name!r} is no function")  # noqa: TRY004 (it is the setting's value)
    judge: Callable[[Event], Any] = function
    return judge


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > MAX_REPLY_BYTES:
            raise HookFailed(f"its answer is larger than {MAX_REPLY_BYTES} bytes")
    return b"".join(parts)
