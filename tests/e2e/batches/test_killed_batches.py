"""Workers are killed with -9 in the middle of a batch, and Redis forgets everything: nothing shows of it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from redis.asyncio import Redis

from experts.catalogue.expert import Expert
from experts.providers.scripted_server import ScriptedServer
from orchestrator.batches.results import output_file
from orchestrator.batches.schemas import BatchWanted
from orchestrator.bootstrap import Services
from orchestrator.jobs.tables import items as item_table
from orchestrator.tenants.keys import Principal
from orchestrator.usage.tables import usage
from tests.e2e.runs.test_killed_workers import (
    Farm,
    admin,
    farm,  # noqa: F401 (fixtures)
    ground,  # noqa: F401
    services,  # noqa: F401
)

EXPERTS = 20

log = logging.getLogger(__name__)


async def add_experts(services: Services, url: str) -> None:  # noqa: F811
    for number in range(EXPERTS):
        entry = {
            "id": f"expert-{number}",
            "provider": "openai",
            "model": f"expert-{number}",
            "endpoints": [{"url": url}],
            "price": {"input": 1.0 + number, "output": 2.0},
        }
        await services.catalogue.create(Expert.model_validate(entry), by="test")


async def lines(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        message = {"role": "user", "content": f"say {number}"}
        body = {"model": f"expert-{number % EXPERTS}", "messages": [message]}
        yield json.dumps({"custom_id": f"r{number}", "body": body}).encode() + b"\n"


async def make(services: Services, who: Principal, count: int) -> str:  # noqa: F811
    file = await services.files.upload(who, "input.jsonl", "batch", lines(count))
    wanted = BatchWanted(input_file_id=file["id"], endpoint="/v1/chat/completions")
    return str((await services.batches.create(who, wanted))["id"])


async def done(services: Services, who: Principal, batch_id: str, at_least: int) -> dict[str, Any]:  # noqa: F811
    """Return the batch once so many of its requests are answered."""
    deadline = time.monotonic() + 110
    while True:
        row = await services.batches.get(who, batch_id)
        if row["completed"] + row["failed"] >= at_least and (
            at_least < row["total"] or row["finished_at"] is not None
        ):
            return row
        assert time.monotonic() < deadline, row
        await asyncio.sleep(0.02)


async def check(services: Services, row: dict[str, Any], count: int) -> None:  # noqa: F811
    """Assert that every item has one result and one usage row, and that the money agrees."""
    assert (row["state"], row["total"], row["completed"], row["failed"]) == (
        "finished",
        count,
        count,
        0,
    )
    async with services.engine.connect() as connection:
        stored = (
            await connection.execute(
                sa.select(
                    item_table.c.request_id, item_table.c.state, item_table.c.cost_nanos
                ).where(item_table.c.job_id == row["id"])
            )
        ).all()
        query = sa.select(usage.c.request_id, usage.c.cost_nanos).where(usage.c.api == "batches")
        spent = {one.request_id: one.cost_nanos for one in await connection.execute(query)}
    assert {one.state for one in stored} == {"ok"}
    costs = {one.request_id: one.cost_nanos for one in stored}
    assert len(stored) == len(costs) == count
    assert spent == costs
    assert sum(spent.values()) == row["cost_nanos"]
    file = {"id": output_file(row["id"]), "job_id": row["id"]}
    output = b"".join([piece async for piece in services.files.result_lines(file)])
    found = [json.loads(line) for line in output.splitlines()]
    assert [one["custom_id"] for one in found] == [f"r{number}" for number in range(count)]
    for number, one in enumerate(found):
        content = one["response"]["body"]["choices"][0]["message"]["content"]
        assert content == f"say {number}"
    assert len(output) == row["output_bytes"]


async def disturbed(
    farm: Farm,  # noqa: F811
    services: Services,  # noqa: F811
    who: Principal,
    workers: list[int],
    redis: Redis,
    count: int,
) -> tuple[dict[str, Any], float]:
    """Do a batch during which every worker is killed, and Redis emptied; returns it with its seconds."""
    chance = random.Random(count)  # noqa: S311 (a seed is what is wanted)
    began = time.monotonic()
    batch_id = await make(services, who, count)
    for place in range(len(workers)):
        await done(services, who, batch_id, chance.randrange(count // 10, count // 2))
        os.kill(workers[place], signal.SIGKILL)
        workers[place] = farm.start()
        if place == 0:
            await redis.flushall()
    row = await done(services, who, batch_id, count)
    return row, time.monotonic() - began


@pytest.mark.parametrize("farm", [1.5], indirect=True)
async def test_workers_are_killed_and_redis_forgets_everything(
    farm: Farm,  # noqa: F811
    services: Services,  # noqa: F811
    redis: Redis,
) -> None:
    who = await admin(services)
    async with ScriptedServer("delay:0.05|echo") as server:
        await add_experts(services, server.url)
        workers = [farm.start(), farm.start()]
        row, _ = await disturbed(farm, services, who, workers, redis, 500)
        await check(services, row, 500)
        # What is asked again is only what a worker was at when it was killed.
        assert len(server.ledger.requests) <= 500 + 2 * 256, farm.log.read_text()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("farm", [3.0], indirect=True)
async def test_ten_thousand_items_are_done_nearly_as_fast_with_workers_killed(
    farm: Farm,  # noqa: F811
    services: Services,  # noqa: F811
    redis: Redis,
) -> None:
    who = await admin(services)
    async with ScriptedServer("delay:0.2|echo") as server:
        await add_experts(services, server.url)
        workers = [farm.start(), farm.start()]
        began = time.monotonic()
        quiet = await done(services, who, await make(services, who, 10_000), 10_000)
        undisturbed = time.monotonic() - began
        async with services.engine.begin() as connection:
            await connection.exec_driver_sql("TRUNCATE usage")
        row, seconds = await disturbed(farm, services, who, workers, redis, 10_000)
    assert quiet["state"] == "finished"
    await check(services, row, 10_000)
    log.info("%.2f s undisturbed, %.2f s with workers killed", undisturbed, seconds)
    assert undisturbed / seconds >= 0.85, (undisturbed, seconds)
