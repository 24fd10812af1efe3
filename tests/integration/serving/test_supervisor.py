"""What becomes of worker processes that end, with real processes in place of real services."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings
from orchestrator.kit.started import Started
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.serving import supervisor
from orchestrator.serving.restarts import Restarts
from orchestrator.serving.supervisor import Supervisor, reserved

_URLS = StoreUrls("postgresql://nowhere", "redis://nowhere", exclusive=False)
_QUICK = Restarts(lived=10.0, most=3, first=0.01)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which processes say that they began."""
    path = tmp_path / "told"
    monkeypatch.setattr(supervisor, "_MODULE", "tests.integration.serving.worker_that_ends")
    monkeypatch.setenv("TOLD", str(path))
    return path


def _made(data_dir: Path, prepare: Callable[[], None] = lambda: None) -> Supervisor:
    return Supervisor(Settings(data_dir=data_dir, worker=False), _URLS, 2, prepare, _QUICK)


def _began(told: Path) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in map(str.split, told.read_text().splitlines())]


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_processes_that_end_again_and_again_end_the_service(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVES", "0.01")
    prepared: list[int] = []

    async def on_ready(started: Started) -> None:
        assert (started.url, started.experts, started.workers) == ("http://here", ("one",), 2)

    with pytest.raises(
        StartError, match=r"Worker process \d ended 3 times in a row .* exit code 3"
    ):
        await _made(tmp_path, lambda: prepared.append(1)).run(on_ready, time.perf_counter())
    assert prepared == [1]
    began = _began(told)
    assert max(sum(n == number for n, _ in began) for number in (1, 2)) == 3
    assert all(_gone(pid) for _, pid in began)
    assert not (tmp_path / "server.json").exists()


async def test_one_that_is_killed_is_replaced_and_a_stop_ends_all(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVES", "60")
    stopping: list[asyncio.Task[None]] = []

    async def on_ready(_: Started) -> None:
        assert (tmp_path / "server.json").exists()
        (second,) = [pid for number, pid in _began(told) if number == 2]
        os.kill(second, signal.SIGKILL)
        stopping.append(asyncio.create_task(stop()))

    def again_at_work() -> None:
        while len(_began(told)) < 3:
            time.sleep(0.01)

    async def stop() -> None:
        await asyncio.to_thread(again_at_work)
        os.kill(os.getpid(), signal.SIGTERM)

    async with asyncio.timeout(20):
        await _made(tmp_path).run(on_ready, time.perf_counter())
    began = _began(told)
    assert sorted(number for number, _ in began) == [1, 2, 2]
    assert all(_gone(pid) for _, pid in began)


async def test_one_that_does_not_start_ends_the_start(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_MODULE", "orchestrator.serving")  # cannot be executed

    async def on_ready(_: Started) -> None:
        pytest.fail("it is not ready")

    with pytest.raises(StartError, match="Worker process 1 did not start: exit code 1"):
        await _made(tmp_path).run(on_ready, time.perf_counter())
    assert not told.exists()


def test_a_port_is_held_for_workers_and_for_nobody_else() -> None:
    held, port = reserved("127.0.0.1", 0)
    with held, socket.socket() as stranger, socket.socket() as worker:
        with pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", port))
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        worker.bind(("127.0.0.1", port))
        worker.listen()
        socket.create_connection(("127.0.0.1", port), 1).close()
        worker.accept()[0].close()
