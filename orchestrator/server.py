"""Runs the service over stores that are there: schema, services, HTTP server, and back again."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.catalogue.seeding import SeedReport, seed
from orchestrator.kit.database import migrate
from orchestrator.kit.errors import StartError
from orchestrator.kit.paths import write_private
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.worker.embedded import EmbeddedWorker
from router import Router, starter_router

ADMIN_KEY_FILE = "admin-key"
SERVER_FILE = "server.json"
_CLOSE_SECONDS = 3.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """What is known once the service is ready.

    Args:
        url: Where it listens.
        new_key: The first admin key, if this start made it.
        seeded: What was found to fill the catalogue with.
        seconds: How long the start took.
    """

    url: str
    new_key: str | None
    seeded: SeedReport
    seconds: float


OnReady = Callable[[Services, Started], Awaitable[None]]


def serve(settings: Settings, urls: StoreUrls, on_ready: OnReady, began: float) -> None:
    """Serve over stores that run, until SIGINT or SIGTERM.

    Args:
        settings: The settings.
        urls: Where the stores are.
        on_ready: Called when requests are served.
        began: When the start began, by ``time.perf_counter``.

    Raises:
        StartError: If the service cannot start.
    """
    with ThreadPoolExecutor(1) as pool:
        router = pool.submit(starter_router)
        migrate(urls.postgres)
        _run_loop(_serve(settings, urls, router.result(), on_ready, began))


def _run_loop(main: Awaitable[None]) -> None:
    try:
        import uvloop
    except ImportError:  # not made for Windows
        factory = asyncio.new_event_loop
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_awaited(main))


async def _awaited(main: Awaitable[None]) -> None:
    await main


async def _serve(
    settings: Settings, urls: StoreUrls, router: Router, on_ready: OnReady, began: float
) -> None:
    stop = asyncio.Event()
    hurry = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: (hurry if stop.is_set() else stop).set())
    async with open_services(settings, urls, router) as services:
        new_key = await services.keys.ensure_admin()
        if new_key is not None:
            write_private(settings.data_dir / ADMIN_KEY_FILE, new_key)
        report = await seed(services.catalogue, settings, os.environ)
        frame = _Counted(create_app(services))
        worker = EmbeddedWorker(settings, urls)
        async with worker, _listening(frame, settings) as url:
            started = Started(url, new_key, report, time.perf_counter() - began)
            await on_ready(services, started)
            # What is here now stays. Looking through its half a million objects, as the garbage
            # collector does now and then, would hold up every request for a quarter of a second.
            gc.freeze()
            worker.start()
            await stop.wait()
            worker.stop_soon()
            services.runs.watch.watchers.close()
            if frame.active:
                log.info("stopping: %d requests get %g s", frame.active, settings.drain_timeout)
            await frame.drained(settings.drain_timeout, hurry)


class _listening:  # noqa: N801 (used as a context manager function)
    """Serve an application over HTTP while the context is open."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        from granian.constants import HTTPModes, Interfaces
        from granian.http import HTTP1Settings
        from granian.server.embed import Server

        self._port = settings.port or _free_port(settings.host)
        self._host = settings.host
        self._file = settings.data_dir / SERVER_FILE
        self._server = Server(
            app,
            address=settings.host,
            port=self._port,
            interface=Interfaces.ASGINL,
            log_enabled=False,
            websockets=False,
            backlog=2048,
            http=HTTPModes.http1,
            # All headers together have at most 64 KiB, and hyper takes 100 of them.
            http1_settings=HTTP1Settings(header_read_timeout=15_000, max_buffer_size=1 << 16),
        )
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> str:
        self._task = asyncio.create_task(self._server.serve())
        await _until_open(self._host, self._port, self._task)
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host, self._host)  # noqa: S104
        url = f"http://{host}:{self._port}"
        write_private(self._file, json.dumps({"url": url, "pid": os.getpid()}))
        return url

    async def __aexit__(self, *_: object) -> None:
        self._file.unlink(missing_ok=True)
        self._server.stop()  # type: ignore[no-untyped-call]  # granian's own
        if self._task is None:
            return
        # It waits for its connections to end, and one whose client vanished may never do so.
        await asyncio.wait((self._task,), timeout=_CLOSE_SECONDS)
        if not self._task.done():
            log.warning("connections were left open")
            self._task.cancel()


class _Counted:
    """Counts the requests that are being served, so that a stop can wait for them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._idle = asyncio.Event()
        self._idle.set()
        self.active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.active += 1
        self._idle.clear()
        try:
            await self._app(scope, receive, send)
        finally:
            self.active -= 1
            if not self.active:
                self._idle.set()

    async def drained(self, seconds: float, hurry: asyncio.Event) -> None:
        """Wait until no request is being served, no longer than ``seconds`` or until ``hurry``."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._idle, hurry)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self.active:
            log.warning("%d requests were cut off", self.active)


async def _until_open(host: str, port: int, server: asyncio.Task[None]) -> None:
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    for _ in range(500):
        if server.done():
            server.result()
            raise StartError(f"The HTTP server on {host}:{port} ended at once.")
        try:
            _, writer = await asyncio.open_connection(target, port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        return
    raise StartError(f"The HTTP server does not answer on {host}:{port}.")


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def local_admin_key(data_dir: Path) -> str | None:
    """Return the first admin key, as kept for the command line on this machine."""
    path = data_dir / ADMIN_KEY_FILE
    return path.read_text().strip() if path.exists() else None
