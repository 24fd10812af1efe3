"""Starts worker processes that share a port, starts those again that die, and stops all in order.

It serves nothing itself. It owns what there must be one of: the embedded stores, the schema's migration, the
worker for what is done in the background, and the file that tells where the service is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings
from orchestrator.kit.siblings import sockets_in
from orchestrator.kit.started import OnReady, Started, told
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.serving.messages import GO, Begin, said, started_of
from orchestrator.serving.restarts import Restarts, ending
from orchestrator.worker.embedded import EmbeddedWorker, environment_of

_MODULE = "orchestrator.serving.process"
_LONGEST_LINE = 1 << 24
_LATE_SECONDS = 15.0
"""That a worker gets to end beyond what its requests get."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Child:
    """A worker process that runs."""

    number: int
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def started(self) -> Started | None:
        """Return what it says when it serves; ``None``: it ended before."""
        try:
            line = await self.reader.readline()
        except ConnectionError:  # it ended before it had read what it was told
            return None
        return started_of(line) if line else None

    def go(self) -> None:
        """Let it serve."""
        with suppress(OSError):  # it may have ended; that is noticed elsewhere
            self.writer.write(GO)

    def signal(self, number: int) -> None:
        """Send it a signal, if it is there."""
        # Not by the process's own method, which may take the exit code away from who waits for it.
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)


class Supervisor:
    """Looks after worker processes.

    Args:
        settings: The settings, with the port that all of them listen on.
        urls: Where the stores are.
        count: How many processes.
        prepare: Makes the stores ready, while the processes load.
        restarts: Says when one that died is started again.
    """

    def __init__(
        self,
        settings: Settings,
        urls: StoreUrls,
        count: int,
        prepare: Callable[[], object],
        restarts: Restarts | None = None,
    ) -> None:
        self._settings = settings
        self._count = count
        self._prepare = prepare
        self._restarts = restarts or Restarts()
        self._environment = {**environment_of(settings, urls), "COE_WORKER": "false"}
        self._worker = EmbeddedWorker(settings, urls)
        self._directory = sockets_in(settings.data_dir)
        self._voucher = secrets.token_urlsafe(32)
        self._children: dict[int, _Child] = {}
        self._stop = asyncio.Event()
        self._spawning = asyncio.Lock()

    async def run(self, on_ready: OnReady, began: float) -> None:
        """Serve until SIGINT or SIGTERM. A second one ends the waiting for requests.

        Args:
            on_ready: Called when all processes serve.
            began: When the start began, by ``time.perf_counter``.

        Raises:
            StartError: If a process cannot start, or dies again and again.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._asked_to_stop)
        keepers: list[asyncio.Task[None]] = []
        async with self._worker:
            try:
                started = await self._all_started()
                if started is None:
                    return
                keepers = [asyncio.create_task(self._keep(n)) for n in list(self._children)]
                with told(self._settings.data_dir, started.url):
                    seconds = time.perf_counter() - began
                    await on_ready(replace(started, seconds=seconds, workers=self._count))
                    self._worker.start()
                    await self._stopped_or_failed(keepers)
            finally:
                self._stop.set()
                self._worker.stop_soon()
                await self._end()
                for keeper in keepers:
                    keeper.cancel()
                if keepers:
                    await asyncio.wait(keepers)
        for keeper in keepers:
            if not keeper.cancelled():
                keeper.result()

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            for child in self._children.values():
                child.signal(signal.SIGTERM)
        self._stop.set()

    async def _all_started(self) -> Started | None:
        """Start all; they load at once, and serve once the first has what an installation begins with."""
        for number in range(1, self._count + 1):
            await self._spawn(number)
        await asyncio.to_thread(self._prepare)
        first, *others = self._children.values()
        first.go()
        found = await self._begun(first)
        if found is None:
            return None
        for child in others:
            child.go()
        for child in others:
            if await self._begun(child) is None:
                return None
        return found

    async def _begun(self, child: _Child) -> Started | None:
        """Wait until one serves at the service's start; ``None``: the service is to stop.

        Raises:
            StartError: If it ended instead; it has said why.
        """
        stopped = asyncio.create_task(self._stop.wait())
        started = asyncio.create_task(child.started())
        await asyncio.wait((stopped, started), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not started.done():
            started.cancel()
            return None
        found = started.result()
        if found is None:
            code = await child.process.wait()
            raise StartError(f"Worker process {child.number} did not start: {ending(code)}.")
        return found

    async def _spawn(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                _MODULE,
                stdin=theirs.fileno(),
                env=self._environment,
                start_new_session=True,  # Ctrl-C reaches this process, which stops them in order
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_LINE)
        begin = Begin(number, self._count, str(self._directory), self._voucher)
        writer.write(said(begin))
        self._children[number] = _Child(number, process, reader, writer)

    async def _keep(self, number: int) -> None:
        """Start a process again whenever it ends.

        Raises:
            StartError: If that does not help.
        """
        loop = asyncio.get_running_loop()
        served_at: float | None = loop.time()
        quick = 0
        while True:
            child = self._children[number]
            code = await child.process.wait()
            child.writer.close()
            if self._stop.is_set():
                return
            served = 0.0 if served_at is None else loop.time() - served_at
            quick, wait = self._restarts.after(served, quick)
            if wait is None:
                raise StartError(
                    f"Worker process {number} ended {quick} times in a row within "
                    f"{self._restarts.lived:g} s of being ready, the last time with {ending(code)}. What it "
                    "said is in the log. The service stops."
                )
            log.error("worker process %d ended: %s; another is started", number, ending(code))
            await asyncio.sleep(wait)
            async with self._spawning:
                if self._stop.is_set():
                    return
                await self._spawn(number)
            again = self._children[number]
            again.go()
            served_at = None if await again.started() is None else loop.time()
            if served_at is not None:
                log.info("worker process %d serves again", number)

    async def _stopped_or_failed(self, keepers: list[asyncio.Task[None]]) -> None:
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait((stopped, *keepers), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()

    async def _end(self) -> None:
        """Stop all processes: each finishes what it serves, as long as that may take."""
        async with self._spawning:  # one that is being started is among them
            for child in self._children.values():
                child.signal(signal.SIGTERM)
        ends = [asyncio.create_task(one.process.wait()) for one in self._children.values()]
        if not ends:
            return
        given = self._settings.drain_delay + self._settings.drain_timeout + _LATE_SECONDS
        _, late = await asyncio.wait(ends, timeout=given)
        for child in self._children.values():
            if child.process.returncode is None:
                log.warning("worker process %d did not stop in time and is killed", child.number)
                child.signal(signal.SIGKILL)
        if late:
            await asyncio.wait(late)


def supervise(
    settings: Settings, urls: StoreUrls, count: int, on_ready: OnReady, began: float
) -> None:
    """Serve by several processes until SIGINT or SIGTERM; see :meth:`Supervisor.run`.

    Raises:
        StartError: If a process cannot start, or dies again and again.
    """
    from orchestrator.kit.database import migrate

    held, port = reserved(settings.host, settings.port)
    with held:
        fixed = settings.model_copy(update={"port": port})

        async def main() -> None:
            prepare = partial(migrate, urls.postgres)
            await Supervisor(fixed, urls, count, prepare).run(on_ready, began)

        asyncio.run(main())


def reserved(host: str, port: int) -> tuple[socket.socket, int]:
    """Take a port for this user's processes without listening on it; port 0 picks one.

    As long as it is held nobody else gets the port, even while no worker listens.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((host, port))
    number: int = held.getsockname()[1]
    return held, number
