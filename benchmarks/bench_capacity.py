"""What a request costs each part: the service, Redis and Postgres, in processor time and in bytes.

Starts stores, one service with everything on (key, limits, routing, usage, metrics), a stub of an expert and clients,
each in processes of their own, and adds up what the processes used. Processor time hardly depends on what else the
machine does; from it follows what a core serves.

    python benchmarks/bench_capacity.py [--json] [--seconds 10] [--clients 32]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
import psutil
import psycopg
import yaml
from aiohttp import web
from redis import Redis
from sqlalchemy import make_url

from orchestrator.kit.stores.postgres import EmbeddedPostgres
from orchestrator.kit.stores.valkey import EmbeddedValkey

KEY = "sk-coe-" + "k" * 43
WORDS = 32
ANSWER = "word " * WORDS
DAY = 86_400
BUSY = 0.7
RATES = (100, 1_000, 11_574, 34_722)
"""The third is a billion a day, the fourth the same where the busiest hour has three times as many."""
LIMITS = {
    "requests_per_minute": 10**9,
    "tokens_per_minute": 10**12,
    "concurrent_requests": 10**6,
    "usd_per_day": 10**6,
    "usd_per_month": 10**6,
}


@dataclass(frozen=True)
class Cost:
    """What one request costs.

    Args:
        streamed: Whether its answer was streamed.
        requests: So many were measured.
        service_ms: Processor time of the service, in milliseconds.
        redis_ms: Of Valkey.
        postgres_ms: Of all processes of Postgres.
        row_bytes: Of its usage row in Postgres, indexes included.
        wal_bytes: Written to Postgres's log.
        redis_bytes: Received and sent by Valkey.
    """

    streamed: bool
    requests: int
    service_ms: float
    redis_ms: float
    postgres_ms: float
    row_bytes: float
    wal_bytes: float
    redis_bytes: float


async def _answer(request: web.Request) -> web.StreamResponse:
    asked = json.loads(await request.read())
    about = {"id": "c", "created": 1, "model": "stub"}
    usage = {"prompt_tokens": 100, "completion_tokens": WORDS, "total_tokens": 100 + WORDS}
    if not asked.get("stream"):
        message = {"role": "assistant", "content": ANSWER}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return web.json_response(
            {**about, "object": "chat.completion", "choices": choices, "usage": usage}
        )
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    about["object"] = "chat.completion.chunk"
    for number in range(WORDS + 1):
        delta = {"content": "word "} if number < WORDS else {}
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
        await response.write(f"data: {json.dumps({**about, 'choices': [choice]})}\n\n".encode())
    last = json.dumps({**about, "choices": [], "usage": usage})
    await response.write(f"data: {last}\n\ndata: [DONE]\n\n".encode())
    return response


def _stub(port: int) -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _answer)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


@contextmanager
def running_stub(port: int) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=_stub, args=(port,))
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


@contextmanager
def running_service(directory: Path, environ: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Yield the URL and the process id of a service."""
    with (directory / "service.log").open("wb") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("coe")), "serve"],
            env={**os.environ, **environ},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        state = directory / "server.json"
        deadline = time.monotonic() + 60
        while not state.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((directory / "service.log").read_text())
            time.sleep(0.05)
        time.sleep(1)
        yield json.loads(state.read_text())["url"], process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


async def load(url: str, clients: int, seconds: float, *, streamed: bool) -> int:
    """Ask for so long, and return how many answers came."""
    body = {
        "model": "coe",
        "stream": streamed,
        "messages": [{"role": "user", "content": "Please tell me about it. " * 20}],
    }
    over = time.monotonic() + seconds
    answered = 0

    async def ask(session: aiohttp.ClientSession) -> None:
        nonlocal answered
        while time.monotonic() < over:
            async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
                said = await answer.read()
                if answer.status != 200:
                    raise RuntimeError(said.decode())
                answered += 1

    headers = {"authorization": f"Bearer {KEY}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        await asyncio.gather(*(ask(session) for _ in range(clients)))
    return answered


async def set_limits(url: str) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        place = f"{url}/admin/api/limits/tenants/default"
        async with session.put(place, json=LIMITS) as answer:
            if answer.status != 200:
                raise RuntimeError(await answer.text())


def cpu(pid: int) -> float:
    """Return the seconds that a process and those it has started have used."""
    total = 0.0
    first = psutil.Process(pid)
    for process in (first, *first.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


@dataclass(frozen=True)
class Parts:
    """Where to look.

    Args:
        url: Of the service.
        service: Its process.
        redis: Valkey's process.
        postgres: That of Postgres which has started all others.
        database: URL for psycopg.
        valkey: URL of Valkey.
    """

    url: str
    service: int
    redis: int
    postgres: int
    database: str
    valkey: str

    def used(self) -> tuple[float, float, float]:
        """Return the seconds that each part has used."""
        return cpu(self.service), cpu(self.redis), cpu(self.postgres)

    def stored(self) -> tuple[int, int, int]:
        """Return bytes and rows of usage, and bytes of the log."""
        with psycopg.connect(self.database) as connection:
            found = connection.execute(
                "SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0), (SELECT count(*) FROM usage),"
                " pg_current_wal_lsn() - '0/0'::pg_lsn FROM pg_inherits WHERE inhparent = 'usage'::regclass"
            ).fetchone() or (0, 0, 0)
        return int(found[0]), int(found[1]), int(found[2])

    def traffic(self) -> int:
        """Return the bytes that Valkey has received and sent."""
        with Redis.from_url(self.valkey) as redis:
            stats = redis.info("stats")
        return int(stats["total_net_input_bytes"]) + int(stats["total_net_output_bytes"])


def valkey_pid(url: str) -> int:
    with Redis.from_url(url) as redis:
        return int(redis.info("server")["process_id"])


def measure(parts: Parts, clients: int, seconds: float, *, streamed: bool) -> Cost:
    asyncio.run(load(parts.url, clients, 2.0, streamed=streamed))
    time.sleep(2)  # what the drain has left
    before, stored, traffic = parts.used(), parts.stored(), parts.traffic()
    answered = asyncio.run(load(parts.url, clients, seconds, streamed=streamed))
    time.sleep(2)
    used = [after - was for after, was in zip(parts.used(), before, strict=True)]
    now = parts.stored()
    rows = now[1] - stored[1]
    if rows != answered:
        raise RuntimeError(f"{answered} answers, {rows} usage rows")
    service, redis, postgres = (round(each / answered * 1000, 4) for each in used)
    return Cost(
        streamed,
        answered,
        service,
        redis,
        postgres,
        round((now[0] - stored[0]) / rows),
        round((now[2] - stored[2]) / rows),
        round((parts.traffic() - traffic) / answered),
    )


def run(directory: Path, clients: int, seconds: float) -> list[Cost]:
    postgres, valkey = (
        EmbeddedPostgres(directory / "postgres"),
        EmbeddedValkey(directory / "valkey"),
    )
    database, redis = postgres.start(), valkey.start()
    port = 18_431
    experts = directory / "experts.yaml"
    entry = {
        "id": "stub",
        "provider": "openai",
        "model": "stub",
        "endpoints": [{"url": f"http://127.0.0.1:{port}/v1"}],
        "price": {"input": 1.0, "output": 2.0},
        "context_window": 1_000_000,
    }
    experts.write_text(yaml.safe_dump({"experts": [entry]}))
    plain = make_url(database).set(drivername="postgresql").render_as_string(hide_password=False)
    environ = {
        "DATABASE_URL": plain,
        "REDIS_URL": redis,
        "COE_DATA_DIR": str(directory),
        "COE_EXPERTS_FILE": str(experts),
        "COE_ADMIN_KEY": KEY,
        "COE_PORT": "0",
        "COE_WORKER": "false",
    }
    try:
        with running_stub(port), running_service(directory, environ) as (url, pid):
            asyncio.run(set_limits(url))
            head = int((directory / "postgres" / "postmaster.pid").read_text().split()[0])
            parts = Parts(url, pid, valkey_pid(redis), head, plain, redis)
            return [measure(parts, clients, seconds, streamed=kind) for kind in (False, True)]
    finally:
        valkey.stop()
        postgres.stop()


def show_plan(costs: list[Cost]) -> None:
    """Print what it takes to bear some loads, half of the requests streamed, no part busier than allowed."""
    each = {
        name: sum(asdict(cost)[name] for cost in costs) / len(costs) for name in asdict(costs[0])
    }
    print(f"\nhalf of them streamed, no core busier than {BUSY:.0%}")
    print(
        "   requests a second   a day   cores: service  redis  postgres   usage a day   log a second"
    )
    for rate in RATES:
        cores = [
            rate * each[f"{part}_ms"] / 1000 / BUSY for part in ("service", "redis", "postgres")
        ]
        print(
            f"{rate:20,} {rate * DAY / 1e6:6,.0f}M {cores[0]:16.1f} {cores[1]:6.1f} {cores[2]:9.1f}"
            f" {rate * DAY * each['row_bytes'] / 1e9:10,.1f} GB {rate * each['wal_bytes'] / 1e6:9,.2f} MB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=32)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="coe-bench-") as name:
        place = Path(name)
        place.chmod(0o755)
        found = run(place, chosen.clients, chosen.seconds)
    if chosen.json:
        print(json.dumps([asdict(each) for each in found], indent=2))
        return
    for each in found:
        print(f"{'streamed' if each.streamed else 'whole'}, {each.requests} requests")
        for part in ("service", "redis", "postgres"):
            spent = getattr(each, f"{part}_ms")
            print(f"  {part:9} {spent:8.3f} ms of a core: {1000 / spent:8.0f} a second a core")
        print(
            f"  {each.row_bytes} bytes of usage row, {each.wal_bytes} of log, {each.redis_bytes} to "
            "and from Redis"
        )
    show_plan(found)


if __name__ == "__main__":
    main()
