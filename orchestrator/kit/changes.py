"""How replicas learn of a change within a second: Redis pub/sub, with a poll behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

CHANNEL = "coe:changes"
_POLL_SECONDS = 5.0
_RECONNECT_SECONDS = 0.5
_CANCEL_AGAIN_SECONDS = 0.1

Refresh = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


class ChangeFeed:
    """Announces changes and runs the refresh that belongs to each.

    Args:
        redis: Where changes are announced.
        refreshes: By topic, what brings this process up to date. Each must be idempotent.
    """

    def __init__(self, redis: Redis, refreshes: Mapping[str, Refresh]) -> None:
        self._redis = redis
        self._refreshes = refreshes

    async def announce(self, topic: str) -> None:
        """Tell every replica. Without Redis they find out by polling."""
        try:
            await self._redis.publish(CHANNEL, topic)
        except RedisError as error:
            log.warning("change %r not announced (%s); replicas will poll", topic, error)

    async def run(self) -> None:
        """Listen until cancelled, refreshing everything now and then in case a message was lost."""
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.subscribe(CHANNEL)
                    await self._refresh_all()
                    while True:
                        message = await subscription.get_message(
                            ignore_subscribe_messages=True, timeout=_POLL_SECONDS
                        )
                        if message is None:
                            await self._refresh_all()
                        else:
                            await self._refresh(message["data"].decode(errors="replace"))
            except (RedisError, OSError) as error:
                log.warning("change feed lost Redis (%s); polling", error)
                await self._refresh_all()
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _refresh_all(self) -> None:
        for topic in self._refreshes:
            await self._refresh(topic)

    async def _refresh(self, topic: str) -> None:
        refresh = self._refreshes.get(topic)
        if refresh is None:
            return
        try:
            await refresh()
        except (SQLAlchemyError, OSError) as error:
            log.warning("could not refresh %s (%s); serving what is in memory", topic, error)


async def cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a background task and wait until it is gone.

    Asks until it obeys: a cancellation can get lost on its way. ``asyncio.wait_for`` of Python 3.11,
    which psycopg waits with, drops it if what it waits for arrives at the same moment.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=_CANCEL_AGAIN_SECONDS)
    if not task.cancelled():
        task.result()
