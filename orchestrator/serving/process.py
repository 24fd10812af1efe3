"""A worker process: ``python -m orchestrator.serving.process``, started by the supervisor and by nobody else.

Its standard input is a socket to the supervisor. When that ends, the supervisor is gone, however it went: the
process stops then, and what it is serving gets a few seconds.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import Future
from io import BufferedReader

from orchestrator.kit.errors import StartError
from orchestrator.kit.logs import configure_logging
from orchestrator.kit.memory import return_large_blocks
from orchestrator.kit.settings import Settings, load_settings
from orchestrator.kit.siblings import Member
from orchestrator.kit.started import Started
from orchestrator.kit.stores.embedded import running_stores
from orchestrator.serving.messages import GO, begin_of, said

_GRACE_SECONDS = 5.0
"""That requests get to finish when the supervisor is gone."""
_AT_MOST_SECONDS = 10.0
"""Until a process that does not end by itself then is ended."""


def main() -> None:
    """Serve until SIGTERM, or until the supervisor is gone."""
    began = time.perf_counter()
    return_large_blocks()
    # Ctrl-C reaches the supervisor, which stops all in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    supervisor = socket.socket(fileno=0)
    lines = supervisor.makefile("rb")
    member = begin_of(lines.readline()).member
    settings = load_settings()
    configure_logging(settings, member.number)
    try:
        _serve(settings, member, supervisor, lines, began)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


def _serve(
    settings: Settings,
    member: Member,
    supervisor: socket.socket,
    lines: BufferedReader,
    began: float,
) -> None:
    gc.disable()  # until it is ready, as in orchestrator.start
    from orchestrator.server import serve
    from router import Router, starter_router

    async def on_ready(started: Started) -> None:
        supervisor.sendall(said(started))

    router = starter_router()
    if lines.readline() != GO:  # the supervisor gave up meanwhile
        return
    threading.Thread(target=_end_with, args=(lines,), name="supervisor", daemon=True).start()
    made: Future[Router] = Future()
    made.set_result(router)
    with running_stores(settings) as urls:
        serve(settings, urls, made, on_ready, began, member)


def _end_with(lines: BufferedReader) -> None:
    """End in an orderly way once the supervisor is gone."""
    while lines.read1():
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)  # the second ends the waiting
    time.sleep(_AT_MOST_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
