"""A server on which models are loaded and unloaded over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import msgspec

from experts.errors import ExpertMisconfigured, ExpertTimedOut, ExpertUnreachable
from experts.providers.addresses import (
    THIS_MACHINE,
    AddressPolicy,
    guarded_connector,
    was_refused,
)
from experts.providers.upstream import Upstream
from experts.providers.wire import UNREADABLE

_MAX_ANSWER_BYTES = 4 * 1024 * 1024
_CONNECT_SECONDS = 10.0
_FIRST_LOOK_SECONDS = 0.02
_LAST_LOOK_SECONDS = 0.5


class ModelServer:
    """Asks one server about its models, and tells it what to do.

    Args:
        url: Base URL of an expert's endpoint; a ``/v1`` at its end is left off.
        expert: Id of the expert, for errors.
        api_key: Sent as a bearer token; never logged.
        addresses: Where connections may lead; public addresses and this machine unless given.
        patience: Seconds that a load or an unload may take.
    """

    def __init__(
        self,
        url: str,
        expert: str,
        *,
        api_key: str | None = None,
        addresses: AddressPolicy | None = None,
        patience: float = 600.0,
    ) -> None:
        self.expert = expert
        self.patience = patience
        self._root = url.rstrip("/").removesuffix("/v1")
        self._key = api_key
        self._addresses = addresses or AddressPolicy.parse(THIS_MACHINE)

    async def get(self, path: str) -> Any:
        """Return the JSON at a path.

        Raises:
            ExpertError: If there is none.
        """
        return await self._ask("GET", path, None)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send JSON to a path and return what comes back; ``None`` where that is empty.

        Raises:
            ExpertError: If it is not taken.
        """
        return await self._ask("POST", path, body)

    @asynccontextmanager
    async def patiently(self, what: str) -> AsyncIterator[None]:
        """Bound how long something may take.

        Args:
            what: For the error, such as ``be loaded``.

        Raises:
            ExpertTimedOut: If it takes longer.
        """
        try:
            async with asyncio.timeout(self.patience):
                yield
        except TimeoutError as error:
            message = f"the model of expert '{self.expert}' took over {self.patience:g} s to {what}"
            raise ExpertTimedOut(message, expert=self.expert) from error

    def says_nonsense(self, path: str) -> Exception:
        """Return the error for an answer that is not as documented."""
        return self._upstream().invalid(f"answered {path} in a way that is not understood")

    def _upstream(self) -> Upstream:
        return Upstream(self.expert, secret=self._key)

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        import aiohttp  # takes a while, and most services have no such server

        # A connection for each: this happens once in many requests, and nothing has to be closed.
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            async with (
                aiohttp.ClientSession(
                    connector=guarded_connector(self._addresses),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(
                        total=self.patience, sock_connect=_CONNECT_SECONDS
                    ),
                ) as session,
                session.request(
                    method, self._root + path, json=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                said = await response.content.read(_MAX_ANSWER_BYTES)
                return self._understood(response.status, said, path)
        except (ValueError, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            message = f"expert '{self.expert}': no connection can be made to its URL"
            raise ExpertMisconfigured(message, expert=self.expert) from error
        except aiohttp.ClientError as error:
            if was_refused(error):
                message = f"expert '{self.expert}': its URL {self._addresses.told()}"
                raise ExpertMisconfigured(message, expert=self.expert) from error
            message = f"the server of expert '{self.expert}' cannot be reached"
            raise ExpertUnreachable(message, expert=self.expert) from error
        except TimeoutError as error:
            message = f"the server of expert '{self.expert}' does not answer {path}"
            raise ExpertTimedOut(message, expert=self.expert) from error

    def _understood(self, status: int, said: bytes, path: str) -> Any:
        if status != HTTPStatus.OK:
            raise self._upstream().error(status, said)
        if not said.strip():
            return None
        try:
            return msgspec.json.decode(said)
        except UNREADABLE as error:
            raise self.says_nonsense(path) from error


async def looks() -> AsyncIterator[None]:
    """Yield each time that it is worth to look again, ever more seldom; without end."""
    seconds = _FIRST_LOOK_SECONDS
    while True:
        yield
        await asyncio.sleep(seconds)
        seconds = min(seconds * 1.5, _LAST_LOOK_SECONDS)
