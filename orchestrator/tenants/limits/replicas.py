"""How many processes admit requests: what each may let through while it cannot ask the others."""

from __future__ import annotations

import time

from redis.asyncio import Redis

_KEY = "coe:limits:replicas"
_FIRST = "coe:limits:first"
_LEASE_SECONDS = 15.0


class Replicas:
    """Counts the processes that admit requests; one that never has is none of them.

    Args:
        redis: Where they tell that they are there.
        instance: Unique name of this process.
    """

    HEARTBEAT_SECONDS = 5.0

    def __init__(self, redis: Redis, instance: str) -> None:
        self._redis = redis
        self._instance = instance
        self.admits = False
        self.count = 1
        """As last known, this process included."""

    async def beat(self) -> None:
        """Tell that this process is there, and count those that are.

        Raises:
            RedisError: If Redis does not answer.
        """
        if not self.admits:
            return
        now = time.time()
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd(_KEY, {self._instance: now})
            pipe.zremrangebyscore(_KEY, "-inf", now - _LEASE_SECONDS)
            pipe.zcard(_KEY)
            self.count = max(1, (await pipe.execute())[-1])

    async def leave(self) -> None:
        """Tell that this process is no longer there.

        Raises:
            RedisError: If Redis does not answer.
        """
        await self._redis.zrem(_KEY, self._instance)

    async def first(self, seconds: float) -> bool:
        """Whether nobody else did, within the last so many seconds, what one does for all.

        Raises:
            RedisError: If Redis does not answer.
        """
        milliseconds = round(seconds * 1000)
        return bool(await self._redis.set(_FIRST, self._instance, nx=True, px=milliseconds))
