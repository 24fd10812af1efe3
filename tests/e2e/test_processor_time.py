"""A request and a decision must not become much more costly than they are: processor time, by a budget."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from router import Candidate, RouteRequest, starter_router
from tests.e2e.conftest import Server
from tests.e2e.processor_time import (
    BENCHMARKS,
    Work,
    benchmark,
    budget,
    exceeded,
    multiple,
    process_seconds,
)
from tests.e2e.support import added_expert, eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's clocks")

CLIENTS = benchmark("gateway_clients")
PARTS = BENCHMARKS / "gateway_parts.py"
LIMITS = {"requests_per_minute": 10**9, "tokens_per_minute": 10**12, "usd_per_day": 10**6}
SECONDS = 0.12
ROUNDS = 3


def test_requests_stay_within_their_budget(server: Server) -> None:
    with way_to_a_stub(server) as (url, headers, bare_url, bare_pid):
        assert server.process is not None
        seen = {}
        for name, stream in (("whole", False), ("streamed", True)):
            asked = CLIENTS.question(500, stream=stream)
            ours = asking(url, headers, asked, server.process.pid)
            theirs = asking(bare_url, {}, asked, bare_pid)
            seen[name] = multiple(ours, theirs, ROUNDS)
    assert not exceeded(seen, budget())


def test_decisions_stay_within_their_budget() -> None:
    router = starter_router()
    pool = router.pool([Candidate(f"expert-{n}", price_in=n, price_out=2 * n) for n in range(20)])
    asked = [
        RouteRequest(f"Prove that {n} is not the root of a square", prompt_tokens=25)
        for n in range(50)
    ]
    body = json.dumps({"model": "coe", "messages": [{"role": "user", "content": "word " * 100}]})

    def deciding() -> float:
        began = time.thread_time()
        for request in asked:
            router.decide(request, pool)
        return (time.thread_time() - began) / len(asked)

    def coding() -> float:
        began = time.thread_time()
        for _ in range(300):
            json.dumps(json.loads(body))
        return (time.thread_time() - began) / 300

    deciding(), coding()
    assert not exceeded({"decision": multiple(deciding, coding, 10)}, budget())


def test_a_process_that_burns_more_is_over_the_budget() -> None:
    seen = {"burning": multiple(burning(0.006), burning(0.002), 5)}
    assert 2.5 < seen["burning"] < 3.5
    assert exceeded(seen, {"burning": 2.0})
    assert not exceeded(seen, {"burning": 4.0})
    assert exceeded(seen, {}), "what has no budget must not pass"


def test_waiting_is_not_spending() -> None:
    def waiting() -> float:
        began = process_seconds(os.getpid())
        time.sleep(0.02)
        return process_seconds(os.getpid()) - began

    assert multiple(waiting, burning(0.01), 3) < 0.5


def burning(seconds: float) -> Work:
    """Return work that keeps this process busy for so long, by the clock that is read for others."""

    def burn() -> float:
        began, over = process_seconds(os.getpid()), time.thread_time() + seconds
        while time.thread_time() < over:
            pass
        return process_seconds(os.getpid()) - began

    return burn


def asking(url: str, headers: dict[str, str], asked: object, pid: int) -> Work:
    """Return work that asks for a moment, at what the process spends on a request."""

    def ask() -> float:
        began = process_seconds(pid)
        seen = asyncio.run(CLIENTS.load(url, asked, 8, SECONDS, headers))
        time.sleep(0.06)  # what is written afterwards counts too
        spent: float = process_seconds(pid) - began
        return spent / float(seen.answered)

    return ask


@contextmanager
def way_to_a_stub(server: Server) -> Iterator[tuple[str, dict[str, str], str, int]]:
    """Yield the service's URL and a key's headers, whose requests are routed to a stub, and the bare way to it."""
    with running("stub") as (stub, _), running("bare", stub) as (bare, pid):
        endpoints = [{"url": f"http://127.0.0.1:{stub}/v1"}]
        entry = {"id": "stub", "provider": "openai", "model": "stub", "endpoints": endpoints}
        with added_expert(server, **entry, accepts=[]) as expert, server.client() as admin:
            wanted = {"name": "processor time", "tenant": "measured", "experts": [expert]}
            key = admin.post("/admin/api/keys", json=wanted).json()["key"]
            place = "/admin/api/limits/tenants/measured"
            assert admin.put(place, json=LIMITS).status_code == 200
            headers = {"authorization": f"Bearer {key}"}
            asked = {"model": "coe", "messages": [{"role": "user", "content": "Hello"}]}
            answer = httpx.post(f"{server.url}/v1/chat/completions", json=asked, headers=headers)
            assert answer.headers["x-coe-expert"] == expert
            yield server.url, headers, f"http://127.0.0.1:{bare}", pid


@contextmanager
def running(name: str, *others: int) -> Iterator[tuple[int, int]]:
    """Run a part of the gateway benchmark; yield its port and its process."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(PARTS), name, str(port), *map(str, others)])
    try:
        with socket.socket() as probe:
            assert eventually(lambda: probe.connect_ex(("127.0.0.1", port)) == 0, 20)
        yield port, process.pid
    finally:
        process.kill()
        process.wait()
