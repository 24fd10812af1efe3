"""Workers are killed with -9 in the middle of evaluations and trainings: others take them up."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from redis.asyncio import Redis

from experts.catalogue.expert import Expert
from experts.providers.scripted_server import ScriptedServer
from orchestrator.bootstrap import Services
from orchestrator.job_kinds.schemas import EvaluationWanted, Learning, TrainingWanted
from orchestrator.jobs.tables import items as item_table
from orchestrator.usage.tables import usage
from tests.e2e.runs.test_killed_workers import (
    Farm,
    admin,
    farm,  # noqa: F401 (fixtures)
    ground,  # noqa: F401
    services,  # noqa: F401
)

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("farm", [1.5], indirect=True)]
PROMPTS = 60
Row = dict[str, Any]


async def lines(rows: list[Row]) -> AsyncIterator[bytes]:
    for row in rows:
        yield json.dumps(row).encode() + b"\n"


async def until(services: Services, job_id: str, true: Callable[[Row], bool]) -> Row:  # noqa: F811
    """Return a job once something is true of it."""
    deadline = time.monotonic() + 110
    while True:
        row = await services.jobs.get(job_id, None)
        if true(row):
            return row
        assert time.monotonic() < deadline, row
        await asyncio.sleep(0.02)


def learners(parent: int) -> list[int]:
    """Return the ids of processes of a worker that learn."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            of = int((place / "stat").read_text().rpartition(") ")[2].split()[1])
        except OSError:
            continue
        if of == parent and b"orchestrator.job_kinds.training_process" in words:
            found.append(int(place.name))
    return found


async def test_every_question_of_an_evaluation_is_paid_for_once(
    farm: Farm,  # noqa: F811
    services: Services,  # noqa: F811
    redis: Redis,
) -> None:
    who = await admin(services)
    chance = random.Random(1)  # noqa: S311 (a seed is what is wanted)
    rows = [{"id": f"p{n}", "prompt": f"poem {n}", "category": "poems"} for n in range(PROMPTS)]
    async with ScriptedServer("delay:0.1|echo") as server:
        for name in ("one", "other", "judge"):
            entry = {
                "id": name,
                "provider": "openai",
                "model": name,
                "system_prompt": f"You are {name}.",
                "endpoints": [{"url": server.url}],
                "price": {"input": 1.0, "output": 2.0},
            }
            await services.catalogue.create(Expert.model_validate(entry), by="test")
        file = await services.files.upload(who, "prompts.jsonl", "evals", lines(rows))
        wanted = EvaluationWanted(
            kind="evaluation", input_file_id=file["id"], judges=["judge"], repeat=2, seed=1
        )
        workers = [farm.start(), farm.start()]
        job = await services.starter.start(who, wanted)
        for place in range(len(workers)):
            enough = chance.randrange(10, 200)
            await until(services, job["id"], lambda row, n=enough: row["completed"] >= n)  # type: ignore[misc]
            os.kill(workers[place], signal.SIGKILL)
            workers[place] = farm.start()
            if place == 0:
                await redis.flushall()
        row = await until(services, job["id"], lambda row: row["finished_at"] is not None)
    assert (row["state"], row["failed"]) == ("finished", 0), row
    answers = PROMPTS * 2 * 2
    assert row["result"]["answers"] == answers
    async with services.engine.connect() as connection:
        costs = sa.select(item_table.c.request_id, item_table.c.cost_nanos)
        stored = [tuple(one) for one in await connection.execute(costs)]
        spent = sa.select(usage.c.request_id, usage.c.cost_nanos)
        paid = [tuple(one) for one in await connection.execute(spent)]
    assert sorted(stored) == sorted(paid)
    assert len(paid) == answers + row["result"]["verdicts"] == row["total"]
    assert sum(cost for _, cost in paid) == row["cost_nanos"]


async def test_a_training_ends_with_its_worker_and_begins_again_at_another(
    farm: Farm,  # noqa: F811
    services: Services,  # noqa: F811
) -> None:
    who = await admin(services)
    rows = [
        {
            "id": f"p{n}",
            "prompt": f"{'code loop' if n % 2 else 'law court'} {n}",
            "category": "code" if n % 2 else "law",
            "scores": {"coder": float(n % 2), "lawyer": float(1 - n % 2)},
        }
        for n in range(100)
    ]
    file = await services.files.upload(who, "scores.jsonl", "fine-tune", lines(rows))
    learning = Learning(embedder="hashing", folds=0)
    wanted = TrainingWanted(kind="training", input_file_id=file["id"], learning=learning)
    worker = farm.start()
    job = await services.starter.start(who, wanted)
    deadline = time.monotonic() + 60
    while True:
        if found := learners(worker):
            break
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    os.kill(worker, signal.SIGKILL)
    while True:
        if not Path(f"/proc/{found[0]}").exists():
            break
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert (await services.jobs.get(job["id"], None))["state"] == "running"
    farm.start()
    row = await until(services, job["id"], lambda row: row["finished_at"] is not None)
    assert (row["state"], row["losses"]) == ("finished", 1), row
    assert row["result"]["status"] == "candidate"
