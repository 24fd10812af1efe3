"""Runs the service over stores that are there: schema, services, HTTP server, and back again."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import signal
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import nullcontext

from starlette.types import ASGIApp

from orchestrator.admin.mounting import AdminPages, is_ours
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services, readiness, readiness_status
from orchestrator.catalogue.seeding import seed
from orchestrator.kit.database import migrate
from orchestrator.kit.draining import Draining, Stopping
from orchestrator.kit.forwarded import VOUCHER, ClientAddress
from orchestrator.kit.forwarding import Forwarded
from orchestrator.kit.listening import Listening
from orchestrator.kit.paths import write_private
from orchestrator.kit.settings import Settings
from orchestrator.kit.siblings import Member, Siblings
from orchestrator.kit.started import ADMIN_KEY_FILE, OnReady, Started, told
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.telemetry.endpoints import own_state
from orchestrator.telemetry.tracing import traced
from orchestrator.worker.embedded import EmbeddedWorker
from router import Router

log = logging.getLogger(__name__)


def serve(
    settings: Settings,
    urls: StoreUrls,
    router: Future[Router],
    on_ready: OnReady,
    began: float,
    member: Member | None = None,
) -> None:
    """Serve over stores that run, until SIGINT or SIGTERM.

    Args:
        settings: The settings.
        urls: Where the stores are.
        router: The one that decides until another is put to use, being made.
        on_ready: Called when requests are served.
        began: When the start began, by ``time.perf_counter``.
        member: Which of several processes this is; their supervisor migrates the schema, runs the worker for what
            is in the background, and tells where the service is. ``None``: the only one.

    Raises:
        StartError: If the service cannot start.
    """
    if member is None:
        migrate(urls.postgres)
    _run_loop(_serve(settings, urls, router.result(), on_ready, began, member))


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
    settings: Settings,
    urls: StoreUrls,
    router: Router,
    on_ready: OnReady,
    began: float,
    member: Member | None,
) -> None:
    stop = asyncio.Event()
    hurry = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: (hurry if stop.is_set() else stop).set())
    async with traced(settings, "serve"), open_services(settings, urls, router) as services:
        new_key, findings = (
            await _founded(services) if member is None or member.first else (None, ())
        )
        if member is not None and member.first:
            _warn_of_local_models(services, member)
        stopping = Stopping()
        siblings = None if member is None else _siblings(services, member)
        app = Draining(create_app(services, stopping, siblings), stopping)
        voucher = secrets.token_urlsafe(32) if member is None else member.voucher
        pages = _pages(app, lambda: listening.url, voucher, member)
        worker = EmbeddedWorker(settings, urls)
        served = (
            ClientAddress(pages, settings.trusted_proxies, voucher)
            if settings.admin_ui
            else ClientAddress(app, settings.trusted_proxies)
        )
        listening = Listening(served, settings.host, settings.port, websockets=settings.admin_ui)
        own = nullcontext() if siblings is None else _own_socket(served, siblings)

        async def state() -> str:
            if stopping.begun:
                return "stopping"
            return readiness_status(await readiness(services))

        shown = services.system.announced(
            "replica",
            address=listening.url,
            number=None if member is None else member.number,
            state=state,
            busy=lambda: {"requests": app.active},
        )
        where = told(settings.data_dir, listening.url) if member is None else nullcontext()
        async with worker, own, listening, pages, shown:
            with where:
                seconds = time.perf_counter() - began
                started = Started(
                    url=listening.url,
                    new_key=new_key,
                    findings=findings,
                    experts=tuple(services.catalogue.current.experts),
                    router=services.router.router.version,
                    seconds=seconds,
                )
                await on_ready(started)
                # What is here now stays. Looking through its half a million objects, as the garbage
                # collector does now and then, would hold up every request for a quarter of a second. How
                # often it looks is left alone: what failed calls leave behind is in cycles, and can be large.
                gc.freeze()
                gc.enable()
                worker.start()
                await stop.wait()
                worker.stop_soon()
                services.runs.watch.watchers.close()
                await app.stop(listening.close, settings.drain_delay, settings.drain_timeout, hurry)


async def _founded(services: Services) -> tuple[str | None, tuple[str, ...]]:
    """Make what an installation begins with: an admin key and experts. Returns that key, and what was found."""
    settings = services.settings
    given = settings.admin_key
    new_key = await services.keys.ensure_admin(None if given is None else given.get_secret_value())
    if new_key is not None:
        write_private(settings.data_dir / ADMIN_KEY_FILE, new_key)
    report = await seed(services.catalogue, settings, os.environ)
    return new_key, report.findings


def _warn_of_local_models(services: Services, member: Member) -> None:
    """Say which models every process would load for itself."""
    experts = services.catalogue.current.experts
    local = [name for name, expert in experts.items() if expert.provider == "local"]
    if local:
        log.warning(
            "each of %d worker processes loads local models for itself: %s. COE_WORKERS=1 loads them once.",
            member.count,
            ", ".join(local),
        )


def _pages(
    app: ASGIApp, address: Callable[[], str], voucher: str, member: Member | None
) -> AdminPages | Forwarded:
    """Return the admin pages around an application. They hold state: of several processes the first has them."""
    if member is None or member.first:
        return AdminPages(app, address, {VOUCHER: voucher})
    return Forwarded(app, is_ours, member.socket(1), voucher)


def _siblings(services: Services, member: Member) -> Siblings:
    return Siblings(member, lambda: own_state(services.metrics, services.state))


def _own_socket(served: ASGIApp, siblings: Siblings) -> Listening:
    """Return what listens to the other processes."""
    member = siblings.member
    path = member.socket(member.number)
    return Listening(siblings.door(served), "", 0, websockets=True, path=path)
