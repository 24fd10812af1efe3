"""The way from settings to a running service, ordered so that waiting and loading overlap.

Importing this module is cheap; what is heavy is imported while the stores start.
"""

from __future__ import annotations

import gc
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import running_stores

if TYPE_CHECKING:
    from orchestrator.server import OnReady
    from router import Router


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
    check_port(settings.host, settings.port)
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


def _import_libraries() -> None:
    """Import what takes long, but nothing that brings BLAS.

    The stores are being started in other threads. BLAS holds locks of its own at a fork, and a
    process that is started while a thread is inside it can block for ever.
    """
    import aiohttp
    import fastapi
    import redis.asyncio
    import sqlalchemy.ext.asyncio

    del aiohttp, fastapi, redis, sqlalchemy


def _starter_router() -> Router:
    from router import starter_router

    return starter_router()
