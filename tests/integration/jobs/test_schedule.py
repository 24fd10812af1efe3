"""What is done every so often: once in its time, whoever does it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.bootstrap.upkeep import upkeep_tasks
from orchestrator.jobs.schedule import Schedule, Task, TaskFailed
from orchestrator.jobs.tables import schedule
from orchestrator.kit.changes import cancelled
from orchestrator.tenants.keys import Role
from tests.integration.jobs.conftest import Place

PATH = "/admin/api/jobs/schedule"


class Counted:
    """A task that notes how often it is done, and how often at once."""

    def __init__(self, seconds: float = 0.05) -> None:
        self.seconds = seconds
        self.begun = asyncio.Event()
        self.under_way = self.most = self.done = 0

    async def __call__(self) -> None:
        self.begun.set()
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.under_way -= 1
        self.done += 1


async def age(engine: AsyncEngine, **values: object) -> None:
    """Have all tasks be as if their last run had been long ago."""
    async with engine.begin() as connection:
        old = {"last_run": datetime(2020, 1, 1, tzinfo=UTC), **values}
        await connection.execute(sa.update(schedule).values(old))


async def row_of(engine: AsyncEngine, name: str) -> sa.Row[tuple[object, ...]]:
    async with engine.connect() as connection:
        query = sa.select(schedule).where(schedule.c.name == name)
        return (await connection.execute(query)).one()


async def test_a_task_is_done_once_in_its_time_by_whomever(place: Place) -> None:
    do = Counted()
    engine = place.services.engine
    replicas = [Schedule(engine, (Task("a.task", 3600.0, do),)) for _ in range(8)]
    done = await asyncio.gather(*(each.once() for each in replicas))
    assert sorted(done) == [[]] * 7 + [["a.task"]]
    assert (do.most, do.done) == (1, 1)
    assert await replicas[3].once() == []
    await age(engine)
    assert await replicas[3].once() == ["a.task"]


async def test_two_replicas_keep_to_the_interval_together(place: Place) -> None:
    do = Counted(0.01)
    began = time.monotonic()
    replicas = [
        asyncio.create_task(Schedule(place.services.engine, (Task("often", 0.2, do),)).run())
        for _ in range(2)
    ]
    await asyncio.sleep(1.0)
    for replica in replicas:
        await cancelled(replica)
    most = (time.monotonic() - began) / (0.2 * 0.9) + 1
    assert 2 <= do.done <= most
    assert do.most == 1


async def test_a_task_of_a_process_that_died_is_taken_over(place: Place) -> None:
    engine, do = place.services.engine, Counted(60.0)
    dying = Schedule(engine, (Task("long", 1.0, do),), lease=0.6)
    running = asyncio.create_task(dying.run())
    await do.begun.wait()
    quick = Counted(0.0)
    other = Schedule(engine, (Task("long", 1.0, quick),))
    await age(engine)
    await asyncio.sleep(0.7)
    assert await other.once() == [], "its lease is renewed while it is done"
    await age(engine, lease_until=datetime(2020, 1, 1, tzinfo=UTC))
    assert await other.once() == ["long"]
    after = await row_of(engine, "long")
    await cancelled(running)
    assert await row_of(engine, "long") == after, "who was thought dead says nothing any more"


async def test_what_goes_wrong_is_said_and_it_is_done_again(place: Place) -> None:
    problems: list[Exception] = [
        ConnectionError("no way"),
        TaskFailed("nothing there"),
        KeyError(1),
    ]

    async def fail() -> None:
        if problems:
            raise problems.pop(0)

    engine = place.services.engine
    run = Schedule(engine, (Task("failing", 0.0, fail),))
    said = []
    for _ in range(4):
        assert await run.once() == ["failing"]
        row = await row_of(engine, "failing")
        said.append((row.problem, row.last_success is None))
    assert said == [
        ("ConnectionError: no way", True),
        ("nothing there", True),
        ("KeyError: 1", True),
        (None, False),
    ]


async def test_operators_see_the_schedule_and_have_a_task_done_at_once(place: Place) -> None:
    async with place.worker():
        deadline = time.monotonic() + 10
        while True:
            tasks = {task["name"]: task for task in (await place.get(PATH))["data"]}
            missing = {"jobs.look", "jobs.forget", "files.forget", "runs.look", "usage.partitions"}
            if missing <= tasks.keys() and tasks["jobs.forget"]["last_success"]:
                break
            assert time.monotonic() < deadline, tasks
            await asyncio.sleep(0.02)
        before = tasks["jobs.forget"]
        assert before["every"] == 600.0
        assert before["next_run"] > before["last_run"]
        answer = await place.client.post(f"{PATH}/jobs.forget/run")
        assert (answer.status_code, answer.json()["wanted"]) == (202, True)
        while True:
            tasks = {task["name"]: task for task in (await place.get(PATH))["data"]}
            if tasks["jobs.forget"]["last_success"] > before["last_success"]:
                break
            assert time.monotonic() < deadline, tasks
            await asyncio.sleep(0.02)
    answer = await place.client.post(f"{PATH}/nothing/run")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_an_audit_log_that_was_changed_is_found(place: Place) -> None:
    engine = place.services.engine
    for task in upkeep_tasks(place.services):
        if task.name == "audit.check":
            check = task.do
    await place.services.keys.create(name="somebody", role=Role.USER, created_by="test")
    await place.client.post(f"{PATH}/jobs.look/run")
    await check()
    async with engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE audit_log DISABLE TRIGGER USER")
        await connection.exec_driver_sql("UPDATE audit_log SET action = 'nothing' WHERE number = 1")
    with pytest.raises(TaskFailed, match="entry 1: it is not what was written"):
        await check()


async def test_the_experts_file_is_read_again(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "experts.yaml"
    settings = place.settings.model_copy(update={"experts_file": path})
    services = replace(place.services, settings=settings)
    [read] = [task.do for task in upkeep_tasks(services) if task.name == "experts.file"]
    entry = (
        "experts:\n- {id: one, provider: scripted, model: echo, price: {input: %s, output: 1}}\n"
    )
    path.write_text(entry % 1)
    await read()
    path.write_text(entry % 2)
    await read()
    await read()
    one = await place.services.catalogue.get("one")
    assert (one.version, one.spec["price"]["input"]) == (2, 2.0)
    path.write_text("experts: [{id: two}]")
    with pytest.raises(TaskFailed, match="wrong entry"):
        await read()
    assert (await place.services.catalogue.get("one")).version == 2
