"""Events on their way from the worker to whoever watches, through Redis.

Nothing depends on it: what is lost on the way is in Postgres, but for pieces of text.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.runs.events import EventId, RunEvent, parse_id

TOLD = "coe:runs:told"
"""Channel of the ids of runs with new events."""
STEERED = "coe:runs:steered"
"""Channel of the ids of runs whose worker should look what is wanted of them."""

_MOST_EVENTS = 10_000
_LIFETIME = 3600
_MOST_WAITING = 50_000
_RECONNECT_SECONDS = 0.5

log = logging.getLogger(__name__)


def _stream(run_id: str) -> str:
    return f"coe:run:{run_id}"


class LiveEvents:
    """Publishes events in the background, in order, and reads them.

    Args:
        redis: With a time limit on each command.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[tuple[str, RunEvent]] = []
        self._news = asyncio.Event()

    def offer(self, events: Sequence[tuple[str, RunEvent]]) -> None:
        """Have events published; without Redis they are dropped."""
        self._waiting.extend(events)
        del self._waiting[:-_MOST_WAITING]
        self._news.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self._news.wait()
            await self.flush()

    async def flush(self) -> None:
        """Publish what waits."""
        self._news.clear()
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for run_id, each in batch:
                    pipe.xadd(
                        _stream(run_id),
                        {"type": each.type, "data": each.data},
                        id=str(each.id),
                        maxlen=_MOST_EVENTS,
                        approximate=True,
                    )
                for run_id in {run_id for run_id, _ in batch}:
                    pipe.expire(_stream(run_id), _LIFETIME)
                    pipe.publish(TOLD, run_id)
                # An id that is not above the last one is refused: two workers told the same.
                await pipe.execute(raise_on_error=False)
        except (RedisError, OSError) as error:
            log.warning("%d events of runs not published: %s", len(batch), error)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def read(self, run_id: str, after: EventId) -> list[RunEvent]:
        """Return the events after one, as far as Redis has them."""
        try:
            entries = await self._redis.xrange(_stream(run_id), f"({after}", "+")
        except (RedisError, OSError) as error:
            log.debug("events of %s not read: %s", run_id, error)
            return []
        known: Any = entries or ()  # redis-py types it for all protocols and decodings at once
        return [found for entry in known if (found := _event(*entry)) is not None]

    async def tell(self, run_id: str) -> None:
        """Wake whoever watches a run: there is news in Postgres."""
        await self._publish(TOLD, run_id)

    async def steer(self, run_id: str) -> None:
        """Tell the worker of a run to look what is wanted of it; without Redis it looks anyway."""
        await self._publish(STEERED, run_id)

    async def _publish(self, channel: str, run_id: str) -> None:
        with contextlib.suppress(RedisError, OSError):
            await self._redis.publish(channel, run_id)


def _event(identifier: bytes, fields: dict[bytes, bytes]) -> RunEvent | None:
    parsed = parse_id(identifier.decode())
    if parsed is None:
        return None
    return RunEvent(parsed, fields[b"type"].decode(), fields[b"data"])


async def listen(redis: Redis, channel: str, heard: Callable[[str], None]) -> None:
    """Call ``heard`` with every message of a channel, until cancelled.

    Args:
        redis: Without a time limit on its commands.
        channel: The channel.
        heard: Must not block.
    """
    while True:
        try:
            async with redis.pubsub() as subscription:
                await subscription.subscribe(channel)
                async for message in subscription.listen():
                    if message["type"] == "message":
                        heard(message["data"].decode(errors="replace"))
        except (RedisError, OSError) as error:
            log.debug("channel %s lost: %s", channel, error)
        await asyncio.sleep(_RECONNECT_SECONDS)


class Watchers:
    """Wakes those in this process who watch a run."""

    def __init__(self) -> None:
        self._by_run: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.closing = False

    def wake(self, run_id: str) -> None:
        """Wake whoever watches a run."""
        for each in self._by_run.get(run_id, ()):
            each.set()

    def close(self) -> None:
        """Let all streams end: the service stops."""
        self.closing = True
        for run_id in list(self._by_run):
            self.wake(run_id)

    @contextmanager
    def watching(self, run_id: str) -> Iterator[asyncio.Event]:
        """Yield what is set when there is news of a run."""
        news = asyncio.Event()
        self._by_run[run_id].add(news)
        try:
            yield news
        finally:
            self._by_run[run_id].discard(news)
            if not self._by_run[run_id]:
                del self._by_run[run_id]


async def waited(news: asyncio.Event, seconds: float) -> bool:
    """Wait for news, no longer than some seconds; tell whether there is any."""
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return False
    news.clear()
    return True
