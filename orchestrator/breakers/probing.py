"""Tries endpoints that could not be reached, so that no request has to find out that they are back.

Only those that cost nothing to try: servers of the operator's own, by opening a connection. Whether
their answers are any good is for requests to find out.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from urllib.parse import urlsplit

from experts.calling.balancing import Replica
from experts.calling.health import ExpertHealth
from experts.catalogue.expert import Expert
from experts.errors import ExpertUnreachable
from experts.providers.addresses import AddressPolicy

_EVERY_SECONDS = 2.0
_CONNECT_SECONDS = 2.0
_MOST_AT_ONCE = 16
_PORTS = {"http": 80, "https": 443}

log = logging.getLogger(__name__)


class Probes:
    """Tries what is half open.

    Args:
        health: Knows what is, and is told what comes of it.
        addresses: Where connections may lead; ``None``: anywhere.
        every: Seconds between two looks.
    """

    def __init__(
        self,
        health: ExpertHealth,
        addresses: AddressPolicy | None = None,
        every: float = _EVERY_SECONDS,
    ) -> None:
        self._health = health
        self._addresses = addresses
        self._every = every

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(self._every)
            await self.look()

    async def look(self) -> None:
        """Try every endpoint that waits for it."""
        waiting = [
            replica for expert, replica in self._health.half_open() if may_be_tried(expert, replica)
        ]
        await asyncio.gather(*(self._try(replica) for replica in waiting[:_MOST_AT_ONCE]))

    async def _try(self, replica: Replica) -> None:
        if not await self._health.may_try(replica):
            return
        began = self._health.began(replica)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                url = replica.endpoint.url or ""
                if self._addresses is not None:
                    await self._addresses.look_up(url)
                await _connect(url)
        except (OSError, TimeoutError, ValueError):
            self._health.failed(replica, began, ExpertUnreachable.code)
        except BaseException:
            self._health.left(replica, began)
            raise
        else:
            self._health.succeeded(replica, began)


def may_be_tried(expert: Expert, replica: Replica) -> bool:
    """Tell whether it costs nothing to try an endpoint, and tells something."""
    price = expert.price
    return (
        expert.provider == "openai"
        and not (price.input or price.output)
        and replica.breaker.reason == ExpertUnreachable.code
    )


async def _connect(url: str) -> None:
    """Open a connection and close it.

    Raises:
        OSError: If there is none to be had.
        ValueError: If that is no address.
    """
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme] if parts.scheme in _PORTS else 0
    _, writer = await asyncio.open_connection(parts.hostname, port)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
