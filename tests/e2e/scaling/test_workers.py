"""One service of two processes on one port: requests spread, one is killed, and a stop cuts nobody off.

The tests share the service and are in order: the last one stops it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from coe_client import Coe
from tests.e2e.admin.conftest import Browse, browse, browser, settled
from tests.e2e.conftest import EXPERTS, Server
from tests.e2e.support import eventually, question
from tests.e2e.test_metrics import Samples, samples

__all__ = ["browse", "browser"]

_SLOW = {
    "id": "slow",
    "provider": "scripted",
    "model": "delay:1.5|fixed:done",
    "accepts": ["executable"],
}


@pytest.fixture(scope="module")
def two(scratch: Path) -> Iterator[Server]:
    """A service of two worker processes."""
    environ = {"COE_WORKERS": "2"}
    server = Server(scratch / "two-workers", [*EXPERTS, _SLOW], environ).start()
    yield server
    assert server.stop() == 0, server.log


def _pids(server: Server) -> dict[int, int]:
    with Coe(base_url=server.url, api_key=server.key) as client:
        replicas = client.system().processes.replicas
    return {one.number: one.pid for one in replicas if one.number is not None}


def _of_workers(found: Samples, name: str, **labels: str) -> dict[str, float]:
    return {
        told["worker"]: value
        for (sample, pairs), value in found.items()
        if sample == name and labels.items() <= (told := dict(pairs)).items()
    }


def _once(server: Server, expert: str) -> int:
    """Ask on a connection of its own."""
    with server.client(verify=False) as client:  # no time for certificates that nobody needs
        return client.post("/v1/chat/completions", json=question(expert)).status_code


def test_connections_spread_and_the_metrics_are_those_of_all(two: Server) -> None:
    assert [_once(two, "coder") for _ in range(24)] == [200] * 24
    found = samples(two)
    requests = _of_workers(found, "coe_requests_total", expert="coder", status="ok")
    assert sum(requests.values()) == 24
    assert len(requests) == 2  # the odds of one getting all are 2 in 16 million
    assert _of_workers(found, "coe_worker_up") == {"1": 1.0, "2": 1.0}
    memory = _of_workers(found, "process_resident_memory_bytes")
    assert set(memory) == {"1", "2"}
    assert "Workers   2 processes" in two.log


async def test_the_admin_pages_work_whichever_process_is_reached(
    two: Server, browse: Browse
) -> None:
    path = str(two.data_dir / "serving" / "2.sock")
    cookies = {"coe_session": two.key}
    own = httpx.AsyncHTTPTransport(uds=path)
    async with httpx.AsyncClient(
        transport=own, base_url=two.url, cookies=cookies, timeout=30
    ) as second:
        answer = await second.get("/admin/")
        assert answer.status_code == 200
        assert "_nicegui" in answer.text
    for _ in range(2):
        async with browse("/system", at=two) as page:
            await settled(page)
            replicas = page.get_by_role("table", name="Replicas")
            await replicas.get_by_text("worker").first.wait_for()


def test_one_is_killed_while_requests_are_served_and_comes_back(two: Server) -> None:
    before = _pids(two)
    done = threading.Event()

    def ask() -> tuple[int, int]:
        answered = broken = 0
        while not done.is_set():
            try:
                with two.client(verify=False) as client:
                    client.post(
                        "/v1/chat/completions", json=question("generalist")
                    ).raise_for_status()
                answered += 1
            except httpx.TransportError:
                broken += 1
        return answered, broken

    def again() -> bool:
        pids = _pids(two)
        return pids.keys() == before.keys() and pids[2] != before[2]

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        time.sleep(0.2)
        os.kill(before[2], signal.SIGKILL)
        killed = time.monotonic()
        try:
            assert eventually(again, 60.0), two.log
        finally:
            done.set()
        told = [one.result(30) for one in asking]
    # Those it was serving are lost with it, one a thread at most, and what waited to be accepted by it.
    assert sum(broken for _, broken in told) <= 8, (told, time.monotonic() - killed)
    assert min(answered for answered, _ in told) > 3
    assert "worker process 2 ended: SIGKILL; another is started" in two.log
    assert _pids(two)[1] == before[1]


def test_a_stop_finishes_what_is_served_and_leaves_no_process(two: Server) -> None:
    assert two.process is not None
    family = psutil.Process(two.process.pid).children(recursive=True)
    begun: list[Any] = []
    with ThreadPoolExecutor(8) as pool:
        begun += [pool.submit(_once, two, "slow") for _ in range(8)]
        calls = "coe_endpoint_calls"
        assert eventually(
            lambda: sum(_of_workers(samples(two), calls, expert="slow").values()) == 8
        )
        two.process.send_signal(signal.SIGTERM)
        assert [one.result(30) for one in begun] == [200] * 8
    assert two.process.wait(30) == 0, two.log
    assert not [one for one in family if one.is_running()]
