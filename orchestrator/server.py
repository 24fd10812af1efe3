"""Runs the service over stores that are there: schema, services, HTTP server, and back again."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.admin.mounting import AdminPages
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services, readiness, readiness_status
from orchestrator.catalogue.seeding import SeedReport, seed
from orchestrator.kit.database import migrate
from orchestrator.kit.draining import Draining, Stopping
from orchestrator.kit.forwarded import VOUCHER, ClientAddress
from orchestrator.kit.listening import Listening
from orchestrator.kit.memory import give_back
from orchestrator.kit.paths import write_private
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.telemetry.tracing import traced
from orchestrator.worker.embedded import EmbeddedWorker
from router import Router

ADMIN_KEY_FILE = "admin-key"
SERVER_FILE = "server.json"


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


def serve(
    settings: Settings, urls: StoreUrls, router: Future[Router], on_ready: OnReady, began: float
) -> None:
    """Serve over stores that run, until SIGINT or SIGTERM.

    Args:
        settings: The settings.
        urls: Where the stores are.
        router: The one that decides until another is put to use, being made.
        on_ready: Called when requests are served.
        began: When the start began, by ``time.perf_counter``.

    Raises:
        StartError: If the service cannot start.
    """
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
    async with traced(settings, "serve"), open_services(settings, urls, router) as services:
        given = settings.admin_key
        new_key = await services.keys.ensure_admin(
            None if given is None else given.get_secret_value()
        )
        if new_key is not None:
            write_private(settings.data_dir / ADMIN_KEY_FILE, new_key)
        report = await seed(services.catalogue, settings, os.environ)
        stopping = Stopping()
        app = Draining(create_app(services, stopping), stopping)
        voucher = secrets.token_urlsafe(32)
        pages = AdminPages(app, lambda: listening.url, {VOUCHER: voucher})
        worker = EmbeddedWorker(settings, urls)
        listening = Listening(
            ClientAddress(pages, settings.trusted_proxies, voucher)
            if settings.admin_ui
            else ClientAddress(app, settings.trusted_proxies),
            settings.host,
            settings.port,
            websockets=settings.admin_ui,
        )

        async def state() -> str:
            if stopping.begun:
                return "stopping"
            return readiness_status(await readiness(services))

        shown = services.system.announced(
            "replica", address=listening.url, state=state, busy=lambda: {"requests": app.active}
        )
        async with worker, listening, pages, shown, _told(settings, listening.url):
            started = Started(listening.url, new_key, report, time.perf_counter() - began)
            await on_ready(services, started)
            # What is here now stays. Looking through its half a million objects, as the garbage
            # collector does now and then, would hold up every request for a quarter of a second. How
            # often it looks is left alone: what failed calls leave behind is in cycles, and can be large.
            gc.freeze()
            gc.enable()
            give_back()
            worker.start()
            await stop.wait()
            worker.stop_soon()
            services.runs.watch.watchers.close()
            await app.stop(listening.close, settings.drain_delay, settings.drain_timeout, hurry)


@asynccontextmanager
async def _told(settings: Settings, url: str) -> AsyncIterator[None]:
    """Tell the command line on this machine where the service is, while it is there."""
    file = settings.data_dir / SERVER_FILE
    write_private(file, json.dumps({"url": url, "pid": os.getpid()}))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def local_admin_key(data_dir: Path) -> str | None:
    """Return the first admin key, as kept for the command line on this machine."""
    path = data_dir / ADMIN_KEY_FILE
    return path.read_text().strip() if path.exists() else None
