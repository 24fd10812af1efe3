"""Replicas and workers are stopped, killed and replaced under load, and nobody outside notices.

Clients are unmodified OpenAI clients with their usual two retries, behind a balancer that knows
nothing but ``/readyz``.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import openai
import pytest

from tests.e2e.conftest import Server
from tests.e2e.scaling.balancer import Balancer
from tests.e2e.support import NOT_ROUTED
from tests.faults.conftest import expert
from tests.faults.exchange import TEXT
from tests.faults.load import slowly
from tests.faults.stores import Cluster, running_cluster
from tests.faults.upstream import FaultyUpstream

CLIENTS, STREAMS, RUNS = 6, 3, 6
SCRIPT = {"turns": [], "replies": {"": "<answer>done</answer>"}, "delay": 0.5}


@dataclass
class Seen:
    """What clients got."""

    answers: int = 0
    streams: int = 0
    failures: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def replicas(scratch: Path) -> Iterator[Cluster]:
    """Two replicas, and an upstream that takes its time."""
    with FaultyUpstream({"slowly": slowly}) as upstream:
        url = upstream.url()
        experts = [
            expert("steady", url, **NOT_ROUTED),
            expert("slowly", url, **NOT_ROUTED),
            {"id": "thinker", "provider": "scripted", "parameters": {"script": SCRIPT}},
        ]
        with running_cluster(
            scratch / "rolling", experts, COE_DRAIN_DELAY="0.5", COE_DRAIN_TIMEOUT="20"
        ) as running:
            yield running


@asynccontextmanager
async def load(url: str, key: str) -> AsyncIterator[Seen]:
    """Ask and ask, streamed and not, while the context is open."""
    seen, over = Seen(), asyncio.Event()

    async def ask(client: openai.AsyncOpenAI) -> None:
        while not over.is_set():
            try:
                answer = await client.chat.completions.create(
                    model="steady", messages=[{"role": "user", "content": "Go on."}]
                )
            except openai.OpenAIError as error:
                seen.failures.append(repr(error))
            else:
                assert answer.choices[0].message.content == TEXT
                seen.answers += 1
            await asyncio.sleep(0.02)

    async def listen(client: openai.AsyncOpenAI) -> None:
        while not over.is_set():
            try:
                pieces = await client.chat.completions.create(
                    model="slowly", messages=[{"role": "user", "content": "Go on."}], stream=True
                )
                text = "".join(
                    [p.choices[0].delta.content or "" async for p in pieces if p.choices]
                )
            except (openai.OpenAIError, httpx.HTTPError) as error:
                seen.cut.append(repr(error))
            else:
                assert text == TEXT
                seen.streams += 1

    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key) as client:
        tasks = [asyncio.create_task(ask(client)) for _ in range(CLIENTS)]
        tasks += [asyncio.create_task(listen(client)) for _ in range(STREAMS)]
        try:
            yield seen
        finally:
            over.set()
            await asyncio.gather(*tasks)


async def replace(balancer: Balancer, replica: Server) -> None:
    """Stop a replica as an orchestrator does, and start it anew."""
    assert replica.process is not None
    replica.process.send_signal(signal.SIGTERM)
    await balancer.ready(replica.url, is_ready=False)
    assert replica.process.poll() is None, "it must say that it goes before it is gone"
    assert await asyncio.to_thread(replica.process.wait, 40) == 0, replica.log
    await asyncio.to_thread(replica.start)
    await balancer.ready(replica.url)


async def test_replicas_are_replaced_and_killed_under_load(replicas: Cluster) -> None:
    async with Balancer(replicas.urls) as balancer:
        for replica in replicas.replicas:
            await balancer.ready(replica.url)
        async with load(balancer.url, replicas.key) as seen:
            await asyncio.sleep(0.5)
            for replica in replicas.replicas:
                await replace(balancer, replica)
            assert seen.cut == [], "a stream that has begun is finished"
            before = seen.answers
            doomed = replicas.replicas[0]
            await asyncio.to_thread(doomed.kill)
            await balancer.ready(doomed.url, is_ready=False)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(doomed.start)
            await balancer.ready(doomed.url)
    assert seen.failures == []
    assert seen.answers > before > 50
    assert seen.streams > 5
    assert len(seen.cut) <= STREAMS, "only those that the killed one was sending"


@contextmanager
def worker(replicas: Cluster, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker on the replicas' stores."""
    directory.mkdir()
    first = replicas.replicas[0]
    environ = {**first.environ, "COE_DATA_DIR": str(directory), "PATH": "/usr/bin:/bin"}
    with (directory / "output.log").open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("coe")), "worker"],
            env=environ | {"COE_RUN_LEASE": "2"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
async def test_workers_are_stopped_and_killed_and_every_run_ends(
    replicas: Cluster, tmp_path: Path
) -> None:
    one = replicas.replicas[0]
    with worker(replicas, tmp_path / "1") as first, worker(replicas, tmp_path / "2") as second:
        async with httpx.AsyncClient(base_url=one.url, headers=one.headers, timeout=30) as client:
            started = []
            for number in range(RUNS):
                wanted = {
                    "strategy": "self-consistency",
                    "messages": [{"role": "user", "content": f"Think of {number}."}],
                }
                answer = await client.post("/v1/runs", json=wanted)
                assert answer.status_code == 202, answer.text
                started.append(answer.json()["id"])
            await _until_running(client, started)
            first.kill()
            second.send_signal(signal.SIGTERM)
            await asyncio.to_thread(second.wait, 30)
            with worker(replicas, tmp_path / "3"):
                async with asyncio.timeout(60):
                    while open_ := await _statuses(client, started) - {"finished"}:
                        assert open_ <= {"queued", "running"}, open_
                        await asyncio.sleep(0.1)


async def _statuses(client: httpx.AsyncClient, ids: list[str]) -> set[str]:
    return {(await client.get(f"/v1/runs/{one}")).json()["status"] for one in ids}


async def _until_running(client: httpx.AsyncClient, ids: list[str]) -> None:
    async with asyncio.timeout(60):
        while "running" not in await _statuses(client, ids):  # noqa: ASYNC110 (asked now and then)
            await asyncio.sleep(0.05)
