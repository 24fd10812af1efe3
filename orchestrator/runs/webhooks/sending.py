"""Sends the messages that are due."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.providers.addresses import AddressPolicy, guarded_connector, was_refused
from orchestrator.runs.live import waited
from orchestrator.runs.webhooks import outbox
from orchestrator.runs.webhooks.addresses import url_problem
from orchestrator.runs.webhooks.outbox import Message
from orchestrator.runs.webhooks.signing import signed

if TYPE_CHECKING:
    import aiohttp

Unseal = Callable[[str, bytes], str]
"""Decrypts a secret that was encrypted under a name."""

_ANSWER_SECONDS = 15.0
_LOOK_SECONDS = 2.0
_AT_ONCE = 8

log = logging.getLogger(__name__)


@dataclass(slots=True)
class WebhookSender:
    """Sends messages until each has arrived or is given up.

    Args:
        engine: Postgres.
        unseal: Decrypts secrets.
        addresses: Where webhooks may lead.
    """

    engine: AsyncEngine
    unseal: Unseal
    addresses: AddressPolicy

    async def run(self, news: asyncio.Event) -> None:
        """Send until cancelled.

        Args:
            news: Set when there may be a new message.
        """
        room = asyncio.Semaphore(_AT_ONCE)
        async with self._session() as session, asyncio.TaskGroup() as sending:
            while True:
                message = await self._next()
                if message is None:
                    await waited(news, _LOOK_SECONDS)
                    continue
                await room.acquire()
                task = sending.create_task(self._deliver(session, message))
                task.add_done_callback(lambda _: room.release())

    def _session(self) -> aiohttp.ClientSession:
        import aiohttp

        return aiohttp.ClientSession(
            connector=guarded_connector(self.addresses, use_dns_cache=False, limit=_AT_ONCE),
            timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def _next(self) -> Message | None:
        """Take a message, if one is due."""
        try:
            async with self.engine.begin() as connection:
                return await outbox.take(connection)
        except (SQLAlchemyError, OSError) as error:
            log.warning("webhooks wait: %s", error)
            return None

    async def _deliver(self, session: aiohttp.ClientSession, message: Message) -> None:
        try:
            status, problem = await self._send(session, message)
        except Exception:
            log.exception("message %s met a bug", message.id)  # the others must go on
            status, problem = None, "it could not be sent"
        try:
            async with self.engine.begin() as connection:
                await outbox.note(connection, message, status=status, problem=problem)
        except (SQLAlchemyError, OSError) as error:
            log.warning("message %s will be sent again: %s", message.id, error)

    async def _send(
        self, session: aiohttp.ClientSession, message: Message
    ) -> tuple[int | None, str | None]:
        import aiohttp

        problem = url_problem(message.url, self.addresses)
        if problem is not None:  # the setting may have changed since it was stored
            return None, problem
        try:
            secret = self.unseal(message.webhook, message.secret)
        except InvalidToken:
            return None, "its secret cannot be decrypted with COE_SECRET_KEY"
        headers = signed(secret, message.id, int(time.time()), message.body)
        headers |= {"content-type": "application/json", "user-agent": "composition-of-experts"}
        try:
            async with session.post(
                message.url, data=message.body, headers=headers, allow_redirects=False
            ) as answer:
                arrived = 200 <= answer.status < 300
                return answer.status, None if arrived else f"answered {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if was_refused(error):
                return None, self.addresses.told()
            host = urlsplit(message.url).hostname
            return None, f"{host} cannot be reached: {type(error).__name__}"
