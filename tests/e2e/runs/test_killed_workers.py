"""Workers are killed with -9 at every step of a run; others go on, and nothing finished is done again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from redis.asyncio import Redis

from experts.catalogue.expert import Expert
from experts.providers.playing import Reply
from experts.providers.scripted_server import ScriptedServer
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.ids import new_request_id
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.runs.record import RunRequest
from orchestrator.tenants.keys import Principal, Role
from orchestrator.usage import repository
from tests.integration.runs.conftest import ROUTER, asked, eventually, ten_steps

LEASE = 0.6
SECRET_KEY = "a" * 43 + "="
STEPS = [
    "turn 1", "please-work 1", "turn 2", "please-work 2", "turn 3", "please-work 3",
    "turn 4", "please-work 4", "turn 5", "check",
]  # fmt: skip


@dataclass
class Farm:
    """Makes workers.

    Args:
        process: Of which they are forks.
        environ: Theirs.
        log: What they log.
        made: Process ids of all of them.
    """

    process: subprocess.Popen[str]
    environ: dict[str, str]
    log: Path
    made: list[int] = field(default_factory=list)

    def start(self) -> int:
        """Start a worker; returns its process id."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{json.dumps(self.environ)}\n")
        stdin.flush()
        self.made.append(int(stdout.readline()))
        return self.made[-1]


@pytest.fixture(scope="module")
def ground() -> Iterator[subprocess.Popen[str]]:
    """A process that has imported all a worker needs."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.runs.farm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def farm(
    request: pytest.FixtureRequest,
    ground: subprocess.Popen[str],
    postgres_url: str,
    redis_url: str,
    tmp_path: Path,
) -> Iterator[Farm]:
    """The farm, with leases so short that a busy loop may miss them; a parameter makes them longer."""
    environ = {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "COE_DATA_DIR": str(tmp_path),
        "COE_SECRET_KEY": SECRET_KEY,
        "COE_RUN_LEASE": str(getattr(request, "param", LEASE)),
    }
    farm = Farm(ground, environ, tmp_path / "workers.log")
    yield farm
    for worker in farm.made:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


@pytest.fixture
async def services(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    settings = Settings(data_dir=tmp_path, secret_key=SECRET_KEY)  # type: ignore[arg-type]
    urls = StoreUrls(postgres_url, redis_url, exclusive=False)
    async with open_services(settings, urls, ROUTER, {}) as services:
        yield services


class Holding(ScriptedServer):
    """Leaves the first request of some steps without an answer, so that no kill can come too late.

    Args:
        held: Those steps.
    """

    def __init__(self) -> None:
        super().__init__(ten_steps())
        self.held: set[str] = set()

    async def _send(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        step = asked(self.ledger.requests[-1])
        if step in self.held:
            self.held.remove(step)
            await asyncio.Event().wait()  # until the caller is gone
        return await super()._send(request, reply)


@pytest.fixture
async def server(services: Services) -> AsyncIterator[Holding]:
    async with Holding() as server:
        entry = {
            "id": "everyone",
            "provider": "openai",
            "model": "any",
            "endpoints": [{"url": server.url}],
            "price": {"input": 1.0, "output": 2.0},
        }
        await services.catalogue.create(Expert.model_validate(entry), by="test")
        yield server


async def admin(services: Services) -> Principal:
    record, _ = await services.keys.create(name="a", role=Role.ADMIN, created_by="test")
    return Principal(record.id, record.name, record.tenant, record.role)


async def start(services: Services, principal: Principal, strategy: str = "conductor") -> str:
    request = RunRequest(
        messages=({"role": "user", "content": "Add it all up."},),
        policy="quality",
        limits=asdict(services.runs.limits),
    )
    started = await services.runs.service.start(
        principal, new_request_id(), strategy, request, {}, None
    )
    return str(started.row["id"])


async def finished(services: Services, principal: Principal, run_id: str) -> tuple[Any, ...]:
    for _ in range(3000):
        row, spent, steps = await services.runs.service.get(principal, run_id)
        if row["status"] not in {"queued", "running"}:
            return row, spent, steps
        await asyncio.sleep(0.02)
    raise AssertionError(f"the run is still {row['status']}")


async def test_a_worker_is_killed_at_each_of_ten_steps(
    farm: Farm, services: Services, server: Holding
) -> None:
    server.held = set(STEPS)
    principal = await admin(services)
    workers = [farm.start()]
    run_id = await start(services, principal)
    seen = server.ledger.requests
    for place in range(10):
        # The step is under way: its request is here, and not yet answered.
        await eventually(lambda step=STEPS[place]: bool(seen) and asked(seen[-1]) == step, 40)
        os.kill(workers.pop(), signal.SIGKILL)
        workers.append(farm.start())
    row, spent, steps = await finished(services, principal, run_id)
    assert (row["status"], row["answer"]) == ("finished", "the sum is 10"), farm.log.read_text()
    assert row["epoch"] == 11
    counted = Counter(map(asked, seen))
    assert counted == dict.fromkeys(STEPS, 2), "only the step in flight is lost"
    assert server.ledger.served == 10, "what was answered was never asked again"
    assert [step["number"] for step in steps] == list(range(1, 11))
    assert spent["calls"] == 10
    await services.drain.flush()
    async with services.engine.connect() as connection:
        usage = await repository.list_rows(connection, limit=10)
    assert [(u["request_id"], u["prompt_tokens"]) for u in usage] == [
        (row["request_id"], spent["prompt_tokens"])
    ]


async def test_a_worker_is_killed_between_steps(
    farm: Farm, services: Services, server: Holding
) -> None:
    """The answer is stored, and the checkpoint that follows perhaps not: it is paid for once."""
    server.held = {STEPS[place] for place in (1, 4, 7)}
    principal = await admin(services)
    worker = farm.start()
    run_id = await start(services, principal)
    for place in (1, 4, 7, 10):
        await eventually(lambda least=place: server.ledger.served >= least, 40)
        async with asyncio.timeout(20):
            while True:
                _, _, steps = await services.runs.service.get(principal, run_id)
                if sum(step["status"] == "ok" for step in steps) >= place:
                    break
                await asyncio.sleep(0.005)
        os.kill(worker, signal.SIGKILL)
        await asyncio.sleep(0.1)  # in which its last request comes, if it was on its way
        server.held.discard((*STEPS, "")[place])
        worker = farm.start()
    row, spent, _ = await finished(services, principal, run_id)
    assert (row["status"], row["answer"]) == ("finished", "the sum is 10"), farm.log.read_text()
    assert server.ledger.served == spent["calls"] == 10


@pytest.mark.parametrize("farm", [60.0], indirect=True)
async def test_one_worker_does_200_runs_at_once(farm: Farm, services: Services) -> None:
    """Every run waits in its only step until all of them do."""
    wanted, open_now, everybody = 200, 0, asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        nonlocal open_now
        open_now += 1
        if open_now == wanted:
            everybody.set()
        async with asyncio.timeout(100):
            await everybody.wait()
        message = {"role": "assistant", "content": "all are here"}
        return web.json_response({"choices": [{"index": 0, "message": message}]})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    entry = {
        "id": "e",
        "provider": "openai",
        "model": "any",
        "endpoints": [{"url": url}],
        "capabilities": [],
    }
    await services.catalogue.create(Expert.model_validate(entry), by="test")
    principal = await admin(services)
    farm.start()
    try:
        ids = [await start(services, principal, "direct") for _ in range(wanted)]
        for run_id in ids:
            row, _, _ = await finished(services, principal, run_id)
            assert (row["status"], row["answer"], row["epoch"]) == ("finished", "all are here", 1)
    finally:
        await runner.cleanup()


async def test_redis_loses_everything(
    farm: Farm, services: Services, server: Holding, redis: Redis
) -> None:
    principal = await admin(services)
    ids = [await start(services, principal) for _ in range(5)]
    await redis.flushall()
    farm.start()
    for run_id in ids:
        row, _, _ = await finished(services, principal, run_id)
        assert row["status"] == "finished"
    assert server.ledger.served == 50
