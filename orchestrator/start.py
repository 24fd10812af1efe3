"""The way from settings to a running service, ordered so that waiting and loading overlap.

Importing this module is cheap; what is heavy is imported while the stores start.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from orchestrator.kit.errors import StartError
from orchestrator.kit.memory import return_large_blocks
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import running_stores
from orchestrator.serving.restarts import how_many

if TYPE_CHECKING:
    from orchestrator.kit.started import OnReady
    from router import Router


_FILES = 65_536


def run(settings: Settings, on_ready: OnReady) -> None:
    """Serve until SIGINT or SIGTERM; everything that was started is stopped then.

    Args:
        settings: The settings.
        on_ready: Called when requests are served.

    Raises:
        StartError: If the service cannot start.
    """
    began = time.perf_counter()
    # Until the loop takes over, a SIGTERM unwinds what was started as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _allow_many_connections()
    return_large_blocks()
    check_port(settings.host, settings.port)
    count = how_many(settings.workers)
    if count > 1:
        _run_several(settings, count, on_ready, began)
        return
    # Nearly all that a start makes stays. Looking through it again and again takes a fifth of the time;
    # the service turns the collector on again once it is ready.
    gc.disable()
    try:
        with (
            running_stores(settings, meanwhile=_import_libraries) as urls,
            ThreadPoolExecutor(1) as pool,
        ):
            # Much of it is done outside Python's lock, while the modules below are imported.
            router = pool.submit(_starter_router)
            from orchestrator.server import serve

            serve(settings, urls, router, on_ready, began)
    finally:
        gc.enable()


def _run_several(settings: Settings, count: int, on_ready: OnReady, began: float) -> None:
    """Serve by several processes, which this one looks after."""
    refuse_residency(settings)
    with running_stores(settings) as urls:
        from orchestrator.serving.supervisor import supervise

        supervise(settings, urls, count, on_ready, began)


def refuse_residency(settings: Settings) -> None:
    """Refuse several processes where one has to know what is in the memory of local models.

    Raises:
        StartError: If it has to.
    """
    for name, value in (
        ("COE_RESIDENCY_BUDGET", settings.residency_budget),
        ("COE_RESIDENCY_SERVERS", settings.residency_servers),
    ):
        if value:
            raise StartError(
                f"{name} needs COE_WORKERS=1: each worker process would load and unload models by itself. "
                "Put the models behind a server of their own, or serve with one process."
            )


def check_port(host: str, port: int) -> None:
    """Refuse a port that is taken: the server would share it silently.

    Raises:
        StartError: If it is taken or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartError(
                f"Cannot listen on {host}:{port} ({error.strerror}). "
                "Stop what is there, or choose another with --port or COE_PORT."
            ) from error


def _allow_many_connections() -> None:
    """Take as many open files as we may: a connection is one, and shells grant 1,024 by default."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _import_libraries() -> None:
    """Import what takes long, but nothing that brings BLAS.

    The stores are being started in other threads. BLAS holds locks of its own at a fork, and a
    process that is started while a thread is inside it can block for ever.
    """
    import fastapi
    import redis.asyncio
    import sqlalchemy.ext.asyncio

    del fastapi, redis, sqlalchemy


def _starter_router() -> Router:
    from router import starter_router

    return starter_router()
