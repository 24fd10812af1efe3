"""What became of recent requests: heard from feedback, kept in memory, heeded by the next decisions.

Off by default: feedback otherwise never reaches the router that decides. Nothing of it is stored,
and a tenant's opinions count for its own requests alone. Every process remembers the requests it
decided itself; feedback that reaches another one is told over Redis.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.routers.service import Memory
from router import Embedder, EpisodicMemory

CHANNEL = "coe:outcomes"
MAX_TENANTS = 64
"""Tenants with a memory; the one heard of least lately makes room."""
_RECONNECT_SECONDS = 0.5
_POLL_SECONDS = 5.0

log = logging.getLogger(__name__)


class _Asked(NamedTuple):
    tenant: str
    text: str
    expert: str


class OutcomeMemory:
    """Remembers outcomes, bounded by tenant and in all.

    Args:
        redis: Where outcomes are told.
        waiting: The same, with connections that may wait for long: where they are heard.
        capacity: Outcomes kept for each tenant, and requests that an outcome is awaited for; 0
            keeps none.
        embedder: Returns the one of the router that is active.
    """

    def __init__(
        self, redis: Redis, waiting: Redis, capacity: int, embedder: Callable[[], Embedder]
    ) -> None:
        self._redis = redis
        self._waiting = waiting
        self._capacity = capacity
        self._embedder = embedder
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._memories: OrderedDict[str, Memory] = OrderedDict()
        self._lock = threading.Lock()
        self.enabled = capacity > 0

    def of(self, tenant: str) -> Memory | None:
        """Return what is remembered of a tenant's requests; costs nothing."""
        return self._memories.get(tenant)

    def asked(self, request_id: str, tenant: str, text: str, expert: str) -> None:
        """Note a request that the router decided, in case its outcome is told; costs nothing."""
        if not self.enabled:
            return
        with self._lock:
            self._asked[request_id] = _Asked(tenant, text, expert)
            if len(self._asked) > self._capacity:
                self._asked.popitem(last=False)

    async def tell(self, request_id: str, outcome: float) -> None:
        """Tell every process the outcome of a request, 0 (bad) to 1 (good); never fails."""
        if not self.enabled:
            return
        try:
            await self._redis.publish(CHANNEL, msgspec.json.encode((request_id, outcome)))
        except RedisError as error:
            log.warning("the outcome of %s is not remembered: %s", request_id, error)

    def learn(self, request_id: str, outcome: float) -> bool:
        """Remember the outcome of a request that was decided here; the first word on it counts.

        Embeds a text: call it in a thread.

        Returns:
            Whether the request was one of those.
        """
        with self._lock:
            asked = self._asked.pop(request_id, None)
        if asked is None:
            return False
        embedder = self._embedder()
        vector = embedder.embed([asked.text])[0]
        self._memory(asked.tenant, embedder.id).outcomes.remember(vector, asked.expert, outcome)
        return True

    async def run(self) -> None:
        """Listen for outcomes until cancelled."""
        while self.enabled:
            try:
                async with self._waiting.pubsub() as subscription:
                    await subscription.subscribe(CHANNEL)
                    while True:
                        message = await subscription.get_message(
                            ignore_subscribe_messages=True, timeout=_POLL_SECONDS
                        )
                        if message is not None:
                            await self._heard(message["data"])
            except (RedisError, OSError) as error:
                log.warning("outcomes are not heard (%s); connecting anew", error)
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _heard(self, data: bytes) -> None:
        try:
            request_id, outcome = msgspec.json.decode(data, type=tuple[str, float])
            await asyncio.to_thread(self.learn, request_id, outcome)
        except (msgspec.MsgspecError, ValueError) as error:
            log.warning("an outcome cannot be used: %s", error)

    def _memory(self, tenant: str, embedder: str) -> Memory:
        """Return a tenant's memory; vectors of another embedder than before start it anew."""
        with self._lock:
            memory = self._memories.get(tenant)
            if memory is None or memory.embedder != embedder:
                memory = self._memories[tenant] = Memory(embedder, EpisodicMemory(self._capacity))
            self._memories.move_to_end(tenant)
            if len(self._memories) > MAX_TENANTS:
                self._memories.popitem(last=False)
            return memory
