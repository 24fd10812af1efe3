"""Runs that nobody does are found, old ones are forgotten, and nobody does one he has lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import sqlalchemy as sa

from experts.providers.scripted_server import ScriptedServer
from orchestrator.runs import repository
from orchestrator.runs.tables import runs, steps
from orchestrator.runs.upkeep import Upkeep
from tests.integration.runs.conftest import MakeWorker, Place, asked, eventually, ten_steps

AddExpert = Callable[..., Awaitable[ScriptedServer]]


def upkeep(place: Place, *, waiting: int = 0, retention: float = 1e6) -> Upkeep:
    async def count() -> int:
        return waiting

    return Upkeep(place.services.engine, place.queue.put, count, retention)


async def taken_by_the_dead(place: Place, run_id: str) -> None:
    async with place.services.engine.begin() as connection:
        assert await repository.claim(connection, run_id, "dead", 0.0)


async def test_a_run_of_a_dead_worker_is_taken_over(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    await add_expert(ten_steps())
    run_id = await place.start()
    assert place.queue.get_nowait() == run_id
    await taken_by_the_dead(place, run_id)
    look = upkeep(place)
    assert await look.requeue() == 1
    assert await look.requeue() == 0, "told once"
    await make_worker()
    run = await place.until(run_id)
    assert run["status"] == "finished"


async def test_a_run_that_is_held_is_left_alone(place: Place, add_expert: AddExpert) -> None:
    await add_expert(ten_steps())
    run_id = await place.start()
    async with place.services.engine.begin() as connection:
        assert await repository.claim(connection, run_id, "alive", 60.0)
        assert await repository.claim(connection, run_id, "other", 60.0) is None
    look = upkeep(place)
    assert await look.requeue() == 0


async def test_a_lost_message_is_sent_again_where_the_queue_holds_too_little(
    place: Place, add_expert: AddExpert
) -> None:
    await add_expert(ten_steps())
    run_id = await place.start()
    assert place.queue.get_nowait() == run_id
    look = upkeep(place)
    assert await look.requeue() == 0, "it may still be on its way"
    async with place.services.engine.begin() as connection:
        await connection.execute(
            sa.update(runs).values(queued_at=sa.func.now() - sa.text("interval '1 minute'"))
        )
    full = upkeep(place, waiting=1)
    assert await full.requeue() == 0
    assert await look.requeue() == 1
    assert place.queue.get_nowait() == run_id


async def test_a_run_that_takes_its_workers_down_is_given_up(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    server = await add_expert(ten_steps())
    work = await make_worker(takes=False)
    run_id = await place.start()
    look = upkeep(place)
    executor = work.runner.executor
    for _ in range(6):
        assert await executor.claim(run_id, "dead", 0.0) is not None
        await look.requeue()
    await work.runner.offer(run_id)
    run = await place.until(run_id)
    assert (run["status"], run["error"]["code"]) == ("failed", "run_abandoned")
    assert server.ledger.requests == []


async def test_a_worker_that_has_lost_a_run_stops_it_and_cannot_end_it(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    server = await add_expert(ten_steps(delay=0.2))
    await make_worker()
    run_id = await place.start()
    await eventually(lambda: len(server.ledger.requests) == 2)
    async with place.services.engine.begin() as connection:
        await connection.execute(sa.update(runs).values(worker="other", epoch=7))
    await eventually(lambda: server.ledger.cancelled == 1)
    seen = len(server.ledger.requests)
    await asyncio.sleep(0.6)
    assert len(server.ledger.requests) == seen
    assert (await place.run(run_id))["status"] == "running"


async def test_a_worker_gives_its_runs_back_when_it_stops(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    server = await add_expert(ten_steps(delay=0.1))
    first = await make_worker()
    run_id = await place.start()
    await eventually(lambda: len(server.ledger.requests) == 4)
    assert await first.runner.stop() == [run_id]
    assert (await place.run(run_id))["status"] == "queued"
    second = await make_worker(takes=False)
    await second.runner.offer(run_id)
    run = await place.until(run_id)
    assert (run["status"], run["spent"]["calls"]) == ("finished", 10)
    assert server.ledger.served == 10
    assert len({asked(body) for body in server.ledger.requests}) == 10


async def test_more_runs_than_places_wait_their_turn(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    server = await add_expert(ten_steps(delay=0.02))
    await make_worker(worker_runs=2)
    ids = [await place.start() for _ in range(5)]
    for run_id in ids:
        assert (await place.until(run_id))["status"] == "finished"
    assert server.ledger.most_open == 2


async def test_old_runs_are_forgotten_with_their_steps(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    await add_expert(ten_steps())
    await make_worker()
    old = await place.start()
    await place.until(old)
    assert await upkeep(place).forget_old() == 0
    assert await upkeep(place, retention=0.001).forget_old() == 1
    assert (await place.client.get(f"/v1/runs/{old}")).status_code == 404
    async with place.services.engine.connect() as connection:
        left = await connection.scalar(sa.select(sa.func.count()).select_from(steps))
    assert left == 0
    assert len((await place.client.get("/admin/api/usage")).json()["data"]) == 1
