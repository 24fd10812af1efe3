"""A worker process: Celery in the main thread hands runs to an event loop in another.

``python -m orchestrator.worker.process`` is one whose life hangs on its standard input: it is how
``coe serve`` starts its own, which must not outlive it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestrator.kit.errors import StartError
from orchestrator.kit.logs import configure_logging
from orchestrator.kit.memory import return_large_blocks
from orchestrator.kit.queue import RUN_TASK, make_celery
from orchestrator.kit.settings import Settings, load_settings
from orchestrator.kit.stores.embedded import StoreUrls, running_stores

if TYPE_CHECKING:
    from celery import Celery

    from orchestrator.worker.work import Work

_TAKERS = 4
"""Threads that take messages; each waits until its run has a place, which is where one belongs."""
_NOISY = ("celery", "kombu", "amqp")

log = logging.getLogger(__name__)


class LoopThread:
    """An event loop in a thread, with a worker's parts open in it.

    Args:
        settings: The settings.
        urls: Where the stores are.
    """

    def __init__(self, settings: Settings, urls: StoreUrls) -> None:
        self._settings = settings
        self._urls = urls
        self._ready: concurrent.futures.Future[Work] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="runs", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self) -> None:
        """Start it, and return once it works.

        Raises:
            Exception: Whatever kept it from working.
        """
        self._thread.start()
        self._ready.result()

    def offer(self, run_id: str) -> bool:
        """Have a run done; returns once it has its place here or is not to be had."""
        if self._loop is None:
            return False
        taken = asyncio.run_coroutine_threadsafe(
            self._ready.result().runner.offer(run_id), self._loop
        )
        try:
            return taken.result()
        except concurrent.futures.CancelledError:
            return False

    def refuse(self) -> None:
        """Take no more runs: those who wait for a place are sent away."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ready.result().runner.refuse)

    def stop(self) -> None:
        """Give the runs back, close everything, and return once that is done."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._main())
        except BaseException as error:
            if self._ready.done():
                log.exception("the worker's loop ended")
                os.kill(os.getpid(), signal.SIGTERM)
            else:
                self._ready.set_exception(error)

    async def _main(self) -> None:
        from orchestrator.worker.work import open_work, warm_up
        from router import starter_router

        warm_up()
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with open_work(self._settings, self._urls, starter_router()) as work:
            self._ready.set_result(work)
            await self._stop.wait()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:  # not made for Windows
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def work(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT.

    Raises:
        StartError: If the worker cannot start.
    """
    if settings.embedded_postgres or settings.embedded_redis:
        raise StartError(
            "A worker needs DATABASE_URL and REDIS_URL, those of the service it works for. "
            "A service with stores of its own has a worker of its own."
        )
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    with running_stores(settings) as urls:
        loop = LoopThread(settings, urls)
        loop.start()
        try:
            log.info("working on up to %d runs at once", settings.worker_runs)
            _consume(make_celery(urls.redis), loop)
        finally:
            loop.stop()


def _consume(app: Celery, loop: LoopThread) -> None:
    from celery.platforms import SecurityWarning
    from celery.signals import worker_shutting_down

    @app.task(name=RUN_TASK)  # type: ignore[untyped-decorator]  # Celery's own
    def run(run_id: str) -> None:
        loop.offer(run_id)

    def refuse(**_: Any) -> None:
        loop.refuse()

    worker_shutting_down.connect(refuse, weak=False)
    app.finalize()
    # It warns root of messages that run code when they are read; ours are JSON.
    warnings.simplefilter("ignore", SecurityWarning)
    worker = app.Worker(
        pool="threads",
        concurrency=_TAKERS,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        loglevel="WARNING",
    )
    worker.start()


def _end_with_parent() -> None:
    """End in an orderly way once nobody holds the other end of standard input any more."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def main() -> None:
    """Work for the service that started this process, as its environment says."""
    return_large_blocks()
    settings = load_settings()
    configure_logging(settings)
    _end_with_parent()
    try:
        work(settings)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
