"""The queue between the service and its workers: Celery over Redis.

A message holds an id and nothing else. What is to be done is in Postgres, and so is the truth about it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from celery import Celery

RUN_TASK = "coe.run"
_QUEUE = "runs"
_PREFIX = "coe:celery:"
_VISIBILITY_SECONDS = 120
"""A message that a worker took and did not acknowledge by then is given to another."""

log = logging.getLogger(__name__)


def make_celery(redis_url: str) -> Celery:
    """Return the Celery app, configured; nothing is connected yet.

    Args:
        redis_url: As redis-py takes it, ``unix://`` included.
    """
    from celery import Celery

    app = Celery("coe", broker=broker_url(redis_url), set_as_current=False)
    app.conf.update(
        task_default_queue=_QUEUE,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "global_keyprefix": _PREFIX,
            "visibility_timeout": _VISIBILITY_SECONDS,
        },
    )
    return app


def broker_url(redis_url: str) -> str:
    """Return a Redis URL in the form that Celery takes: it names unix sockets another way."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    options = dict(parse_qsl(parts.query))
    query = urlencode({"virtual_host": options.get("db", "0")})
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return f"redis+socket://{user}{parts.path}?{query}"


class RunQueue:
    """Tells the workers of runs.

    Args:
        redis: Counts what waits.
        redis_url: Where Celery finds the same Redis.
    """

    def __init__(self, redis: Redis, redis_url: str) -> None:
        self._redis = redis
        self._url = redis_url
        self._app: Celery | None = None

    async def put(self, run_id: str) -> None:
        """Tell the workers of a run. Whatever goes wrong, they find it a little later."""
        try:
            await asyncio.to_thread(self._send, run_id)
        except Exception as error:  # noqa: BLE001 (kombu passes on whatever its transport raises)
            log.warning(
                "run %s not put into the queue: %s; the workers will find it", run_id, error
            )

    async def waiting(self) -> int:
        """Return how many messages wait; 0 where Redis does not say."""
        try:
            return int(await self._redis.llen(f"{_PREFIX}{_QUEUE}"))
        except (RedisError, OSError):
            return 0

    def _send(self, run_id: str) -> None:
        if self._app is None:
            self._app = make_celery(self._url)  # imports Celery, which takes a moment
        self._app.send_task(RUN_TASK, args=[run_id], queue=_QUEUE, retry=False)
