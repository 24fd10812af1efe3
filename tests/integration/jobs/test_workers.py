"""What workers do with items when one of them dies, lapses, or is told to stop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.jobs import items, leases, repository
from orchestrator.jobs.ending import failed_line
from orchestrator.jobs.record import Item, Result
from orchestrator.jobs.tables import items as item_table
from orchestrator.usage.record import UsageRecord
from tests.integration.jobs.conftest import Place, request_line


async def prepared(place: Place, count: int) -> str:
    """Make a batch whose requests are put in, and nobody's yet."""
    batch_id = await place.batch([request_line(f"r{n}") for n in range(count)])
    worker = place.job_worker()
    async with place.leased(worker):
        assert await worker.preparer.once()
    return batch_id


async def claimed(place: Place, batch_id: str, worker: str, most: int) -> list[Item]:
    async with place.services.engine.begin() as connection:
        return await items.claim(connection, batch_id, "everyone", worker, most)


async def states(place: Place) -> list[tuple[str, str | None, int]]:
    columns = (item_table.c.state, item_table.c.worker, item_table.c.epoch)
    async with place.services.engine.connect() as connection:
        rows = await connection.execute(sa.select(*columns).order_by(item_table.c.number))
    return [(row.state, row.worker, row.epoch) for row in rows]


async def test_nobody_takes_what_another_has(place: Place) -> None:
    await place.expert("echo")
    batch_id = await prepared(place, 50)
    taken = await asyncio.gather(*(claimed(place, batch_id, f"w{n}", 7) for n in range(10)))
    numbers = [item.number for many in taken for item in many]
    assert sorted(numbers) == sorted(set(numbers))
    assert len(numbers) == 50


async def test_items_of_a_dead_worker_are_taken_back_and_its_results_count_no_more(
    place: Place,
) -> None:
    await place.expert("echo")
    batch_id = await prepared(place, 3)
    async with place.services.engine.begin() as connection:
        await leases.register(connection, "dead", 0.0)
        await leases.register(connection, "alive", 60.0)
    [late, _] = await claimed(place, batch_id, "dead", 2)
    [_] = await claimed(place, batch_id, "alive", 1)
    async with place.services.engine.begin() as connection:
        assert await items.take_back(connection) == 2
    assert await states(place) == [
        ("queued", None, 2),
        ("queued", None, 2),
        ("running", "alive", 1),
    ]
    again = await claimed(place, batch_id, "alive", 1)
    assert again[0].request_id == late.request_id, "a repetition is the same request"
    worker = place.job_worker()
    async with place.storing(worker):
        worker.writer.put(result_of(late))
        await worker.writer.flush()
        assert (await states(place))[0][0] == "running"
        assert await place.usage() == []
        worker.writer.put(result_of(again[0]))
        worker.writer.put(result_of(again[0]))
        await worker.writer.flush()
    assert (await states(place))[0][0] == "failed"
    assert len(await place.usage()) == 1
    assert (await place.services.jobs.get(batch_id, None))["failed"] == 1


def result_of(item: Item) -> Result:
    record = UsageRecord(
        request_id=item.request_id, tenant="default", key_id="k", api="batches", model="m"
    )
    return Result(item, "failed", failed_line(item, "c", "m"), record, "c", "m")


async def test_a_worker_that_is_stopped_leaves_its_items_to_others_at_once(place: Place) -> None:
    server = await place.expert("delay:0.1|echo")
    batch_id = await place.batch([request_line(f"r{n}") for n in range(40)])
    async with place.worker(run_lease=60.0):
        await place.until(batch_id, lambda found: found["request_counts"]["completed"] >= 2)
    left = await states(place)
    assert {state for state, _, _ in left} == {"queued", "ok"}
    async with place.worker(run_lease=60.0):
        batch = await place.over(batch_id)
    assert batch["request_counts"]["completed"] == 40
    assert len(server.ledger.requests) == 40, "what was under way was let end"


async def test_a_worker_that_was_thought_dead_drops_what_it_had(place: Place) -> None:
    await place.expert("delay:0.1|echo")
    batch_id = await place.batch([request_line(f"r{n}") for n in range(60)])
    async with place.worker() as worker:
        await place.until(batch_id, lambda found: found["request_counts"]["completed"] >= 2)
        before = worker.name
        async with place.services.engine.begin() as connection:
            await connection.exec_driver_sql("UPDATE job_workers SET lease_until = now()")
        batch = await place.over(batch_id)
        assert worker.name != before
    assert batch["request_counts"] == {"total": 60, "completed": 60, "failed": 0}
    assert len(await place.usage()) == 60


async def test_a_job_whose_preparing_was_cut_short_is_taken_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.expert("echo")
    monkeypatch.setattr("orchestrator.batches.preparation._PUT_AT_ONCE", 10)
    batch_id = await place.batch([request_line(f"r{n}") for n in range(35)])
    worker, put, puts = place.job_worker(), items.put, 0

    async def cut_short(*given: Any) -> None:
        nonlocal puts
        puts += 1
        if puts == 3:
            raise ConnectionError("gone")
        await put(*given)

    async with place.leased(worker):
        with monkeypatch.context() as patched:
            patched.setattr(items, "put", cut_short)
            with pytest.raises(ConnectionError):
                await worker.preparer.once()
    job = await place.services.jobs.get(batch_id, None)
    assert (job["state"], job["prepared"], job["filled"]) == ("running", False, 20)
    async with place.worker():
        batch = await place.over(batch_id)
    assert batch["request_counts"] == {"total": 35, "completed": 35, "failed": 0}


async def test_an_answer_that_cannot_be_stored_fails_its_item_alone(place: Place) -> None:
    await place.expert("echo")
    batch_id = await prepared(place, 3)
    async with place.services.engine.begin() as connection:
        await leases.register(connection, "w", 60.0)
    taken = await claimed(place, batch_id, "w", 3)
    worker = place.job_worker()
    results = [result_of(item) for item in taken]
    bad = Result(taken[1], "ok", "a line with \0 in it", results[1].record)
    async with place.storing(worker):
        for one in (results[0], bad, results[2]):
            worker.writer.put(one)
        await worker.writer.flush()
    job = await place.services.jobs.get(batch_id, None)
    assert (job["completed"], job["failed"], job["state"]) == (0, 3, "finished")
    failures = await place.services.jobs.failures(batch_id)
    assert {one["error_code"] for one in failures} == {"c", "internal_error"}


async def test_an_item_that_takes_every_worker_down_with_it_is_given_up(place: Place) -> None:
    server = await place.expert("echo")
    batch_id = await prepared(place, 2)
    async with place.services.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE job_items SET attempts = 10 WHERE number = 1")
    async with place.worker():
        batch = await place.over(batch_id)
    assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    errors = await place.lines(batch["error_file_id"])
    assert errors["r0"]["error"]["code"] == "worker_lost"
    assert len(server.ledger.requests) == 1


async def test_old_jobs_and_files_are_forgotten(place: Place) -> None:
    await place.expert("echo")
    async with place.worker():
        batch = await place.over(await place.batch([request_line("one")]))
    output = batch["output_file_id"]
    async with place.services.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE jobs SET finished_at = now() - interval '1 hour'")
        await connection.exec_driver_sql("UPDATE files SET expires_at = now() - interval '1 hour'")
        assert await repository.forget(connection, 7200.0, 10) == 0
        assert await repository.forget(connection, 60.0, 10) == 1
    await place.services.files.forget_old()
    for path in (f"batches/{batch['id']}", f"files/{output}", f"files/{batch['input_file_id']}"):
        assert (await place.client.get(f"/v1/{path}")).status_code == 404
    assert len(await place.usage()) == 1, "what it cost stays on record"


async def test_tenants_take_turns(place: Place) -> None:
    await place.expert("delay:0.02|echo")
    small = await place.as_tenant("small")
    large = await place.batch([request_line(f"r{n}") for n in range(400)])
    async with place.worker(worker_items=4):
        await place.until(large, lambda found: found["request_counts"]["completed"] >= 4)
        file_id = await place.upload([request_line(f"s{n}") for n in range(10)], small)
        wanted = {"endpoint": "/v1/chat/completions", "input_file_id": file_id}
        batch_id = (await small.post("/v1/batches", json=wanted)).json()["id"]
        await place.over(batch_id)
        left = (await place.get(f"/v1/batches/{large}"))["request_counts"]
        await place.client.post(f"/v1/batches/{large}/cancel")
    assert left["completed"] < 300, "who came second with little was not held up by much"
