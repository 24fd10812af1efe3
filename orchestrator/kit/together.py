"""Commands to Redis that many requests have at the same moment, sent together.

What a round trip costs this process is mostly the trip: finding a connection, one system call to write, one
to read, and waking up. While one batch is under way the commands of other requests gather, and go as the next. So
the busier it is, the less each costs, and nobody waits for a batch to fill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

Add = Callable[[Pipeline], object]
"""Adds its commands to a pipeline."""
_MOST = 256
"""Commands' owners in one batch: the replies to more would hold up the loop."""


class Together:
    """Sends commands in the order in which they were asked for.

    They are not a transaction: others' commands may come between those of one request, and where Redis
    dies in the middle, the first have been done and the last have not.

    Args:
        redis: Where to.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._gathered: list[tuple[Add, asyncio.Future[list[Any]]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def run(self, add: Add) -> list[Any]:
        """Send commands; they are sent also if whoever asks is cancelled meanwhile.

        Args:
            add: Adds them to a pipeline.

        Returns:
            Their replies; an exception stands for the reply to one that failed.

        Raises:
            RedisError: If Redis does not answer.
        """
        done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._gathered.append((add, done))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())
        return await done

    async def _send_all(self) -> None:
        try:
            while self._gathered:
                batch, self._gathered = self._gathered[:_MOST], self._gathered[_MOST:]
                try:
                    await self._send(batch)
                except Exception as error:  # noqa: BLE001 (each of those who asked is told)
                    for _, done in batch:
                        if not done.done():
                            done.set_exception(error)
        finally:
            self._sending = None
            for _, done in self._gathered:  # the loop is ending
                done.cancel()

    async def _send(self, batch: list[tuple[Add, asyncio.Future[list[Any]]]]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            ends = []
            for add, _ in batch:
                add(pipe)
                ends.append(len(pipe))
            replies = await pipe.execute(raise_on_error=False)
        start = 0
        for (_, done), end in zip(batch, ends, strict=True):
            if not done.done():
                done.set_result(replies[start:end])
            start = end
