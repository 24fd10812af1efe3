"""A batch against plain aiohttp at the same concurrency: how much longer everything around the calls takes.

Starts a Postgres and a Valkey of its own, one worker in this process, and a stub expert in another that
takes ``--delay`` seconds an answer. The same requests are sent by a bare aiohttp client first and last,
the batch runs in between; the limit is 1.5 times the mean of the two. The batch's time is from
``POST /v1/batches`` to its end: every line checked, routed, put in, claimed, called and written with its
usage row.

    python benchmarks/bench_batch.py [--json] [--items 10000] [--concurrency 64] [--delay 0.05] [--routed]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import sqlalchemy as sa
from aiohttp import web

from experts.catalogue.expert import Expert
from orchestrator.batches.schemas import BatchWanted
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.database import migrate
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.kit.stores.postgres import EmbeddedPostgres
from orchestrator.kit.stores.valkey import EmbeddedValkey
from orchestrator.tenants.keys import Principal, Role
from orchestrator.usage.tables import usage
from orchestrator.worker.work import Work, open_work
from router import Category, HashingEmbedder, Taxonomy, build_router

LIMIT = 1.5
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 0,
    "model": "stub",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "An answer of some words, as they go."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30},
}


def body(number: int, model: str) -> dict[str, object]:
    text = f"Question {number}: what is {number} plus {number}, and why is that so?"
    return {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 100}


def serve_stub(delay: float) -> None:
    """Serve the stub until standard input ends; prints its port."""
    said = json.dumps(ANSWER).encode()

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(delay)
        return web.Response(body=said, content_type="application/json")

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.to_thread(sys.stdin.read)

    import uvloop

    uvloop.run(main())


async def plain(url: str, items: int, concurrency: int) -> tuple[float, float]:
    """Return the seconds that a bare client takes, and its milliseconds of processor time a request."""
    numbers = iter(range(items))
    connector = aiohttp.TCPConnector(limit=concurrency)

    async def work(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            async with session.post(f"{url}/chat/completions", json=body(number, "stub")) as answer:
                if answer.status != 200:
                    raise RuntimeError(f"the stub answered {answer.status}")
                await answer.read()

    cpu, began = time.process_time(), time.perf_counter()
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(work(session) for _ in range(concurrency)))
    return time.perf_counter() - began, (time.process_time() - cpu) * 1000 / items


async def lines(items: int, model: str) -> AsyncIterator[bytes]:
    for start in range(0, items, 1000):
        block = (
            json.dumps(
                {
                    "custom_id": f"r{number}",
                    "method": "POST",
                    "url": "/v1/chat/completions",
                    "body": body(number, model),
                }
            )
            for number in range(start, min(items, start + 1000))
        )
        yield "".join(f"{line}\n" for line in block).encode()


async def batched(work: Work, who: Principal, items: int, model: str) -> dict[str, float]:
    """Return what a batch took."""
    services = work.services
    file = await services.files.upload(who, "input.jsonl", "batch", lines(items, model))
    cpu, began = time.process_time(), time.perf_counter()
    wanted = BatchWanted(input_file_id=file["id"], endpoint="/v1/chat/completions")
    row = await services.batches.create(who, wanted)
    first = None
    while row["state"] in {"queued", "running"}:
        await asyncio.sleep(0.02)
        row = await services.batches.get(who, row["id"])
        if first is None and row["started_at"] is not None:
            first = time.perf_counter() - began
    seconds = time.perf_counter() - began
    async with services.engine.connect() as connection:
        spent = sa.select(sa.func.count(), sa.func.sum(usage.c.cost_nanos))
        rows, nanos = (await connection.execute(spent)).one()
    if (row["completed"], rows, nanos) != (items, items, row["cost_nanos"]):
        raise RuntimeError(f"the batch did not go as it should: {row}, usage {rows} {nanos}")
    return {
        "seconds": seconds,
        "checked_after": first or 0.0,
        "cpu_ms_an_item": (time.process_time() - cpu) * 1000 / items,
    }


ROUTER = build_router(
    Taxonomy((Category("general", "General", "Everything."),)), HashingEmbedder(), name="bench"
)


@contextmanager
def stores(directory: Path, items: int) -> Iterator[tuple[Settings, StoreUrls]]:
    postgres = EmbeddedPostgres(directory / "postgres")
    valkey = EmbeddedValkey(directory / "valkey")
    urls = StoreUrls(postgres.start(), valkey.start(), exclusive=False)
    migrate(urls.postgres)
    settings = Settings(
        data_dir=directory,
        secret_key="a" * 43 + "=",  # type: ignore[arg-type]
        worker_items=items,
    )
    try:
        yield settings, urls
    finally:
        valkey.stop()
        postgres.stop()


@asynccontextmanager
async def working(directory: Path, concurrency: int) -> AsyncIterator[Work]:
    with stores(directory, concurrency) as (settings, urls):
        async with open_work(settings, urls, ROUTER) as work:
            yield work


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[Services]:
    with stores(directory, 1) as (settings, urls):
        async with open_services(settings, urls, ROUTER) as services:
            yield services


async def run(given: argparse.Namespace, url: str, directory: Path) -> dict[str, object]:
    first, cpu = await plain(url, given.items, given.concurrency)
    async with working(directory, given.concurrency) as work:
        record, _ = await work.services.keys.create(name="b", role=Role.ADMIN, created_by="b")
        who = Principal(record.id, record.name, record.tenant, record.role)
        entry = {
            "id": "stub",
            "provider": "openai",
            "model": "stub",
            "endpoints": [{"url": url}],
            "price": {"input": 1.0, "output": 2.0},
        }
        await work.services.catalogue.create(Expert.model_validate(entry), by="bench")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        model = "coe" if given.routed else "stub"
        batch = await batched(work, who, given.items, model)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    last, _ = await plain(url, given.items, given.concurrency)
    return {
        "items": given.items,
        "concurrency": given.concurrency,
        "delay": given.delay,
        "plain_seconds": [round(first, 2), round(last, 2)],
        "plain_cpu_ms_an_item": round(cpu, 3),
        "batch": {name: round(value, 3) for name, value in batch.items()},
        "times": round(batch["seconds"] / ((first + last) / 2), 3),
        "limit": LIMIT,
        "rss_mb": [round(before), round(peak)],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--routed", action="store_true", help="let the router choose the expert")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--stub", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stub:
        serve_stub(given.delay)
        return
    os.umask(0o022)
    command = [sys.executable, __file__, "--stub", "--delay", str(given.delay)]
    with (
        tempfile.TemporaryDirectory() as directory,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stub,
    ):
        Path(directory).chmod(0o755)
        if stub.stdout is None or stub.stdin is None:
            raise RuntimeError("the stub has no pipes")
        url = f"http://127.0.0.1:{int(stub.stdout.readline())}/v1"
        import uvloop

        found = uvloop.run(run(given, url, Path(directory)))
        stub.stdin.close()
    if given.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:14} {value}")


if __name__ == "__main__":
    main()
