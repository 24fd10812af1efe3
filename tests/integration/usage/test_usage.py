"""Usage records on their way from a request to Postgres, on real stores."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.kit.ids import new_request_id, uuid7
from orchestrator.usage import repository
from orchestrator.usage.drain import DROPPED, REFUSED, UsageDrain
from orchestrator.usage.journal import STREAM, UsageJournal, open_requests_key
from orchestrator.usage.record import UsageRecord
from orchestrator.usage.spool import Spool
from orchestrator.usage.tables import usage
from orchestrator.usage.upkeep import UsageUpkeep


def _record(**fields: Any) -> UsageRecord:
    defaults = {
        "request_id": new_request_id(),
        "tenant": "default",
        "key_id": "key_1",
        "api": "chat.completions",
        "model": "coe",
        "status": "ok",
    }
    return UsageRecord(**{**defaults, **fields})


async def _rows(engine: AsyncEngine) -> dict[str, dict[str, Any]]:
    async with engine.connect() as connection:
        rows = (await connection.execute(select(usage))).mappings()
        return {row["request_id"]: dict(row) for row in rows}


class Desk:
    """Journal and drain of one process."""

    def __init__(self, engine: AsyncEngine, redis: Redis, path: Path, name: str) -> None:
        self.spool = Spool(path / f"{name}.spool")
        self.journal = UsageJournal(redis, self.spool, name)
        self.drain = UsageDrain(engine, redis, self.spool, name)


@pytest.fixture
async def desk(engine: AsyncEngine, redis: Redis, tmp_path: Path) -> Desk:
    desk = Desk(engine, redis, tmp_path, "one")
    await desk.journal.start(exclusive=True)
    return desk


async def test_columns_of_a_newer_version_get_their_defaults(engine: AsyncEngine) -> None:
    """Code of the version before writes on while replicas are replaced."""
    record = _record(decision=None)
    async with engine.connect() as connection, connection.begin() as change:
        await connection.execute(
            text("ALTER TABLE usage ADD COLUMN tier text NOT NULL DEFAULT 'usual'")
        )
        await repository.ensure_partitions(connection, {record.started_at.date()})
        await repository.insert_records(connection, [record])
        written = (await connection.execute(text("SELECT tier, decision FROM usage"))).one()
        assert tuple(written) == ("usual", None)
        await change.rollback()


async def test_a_closed_request_is_one_row(desk: Desk, engine: AsyncEngine, redis: Redis) -> None:
    record = _record(cost_nanos=1_234, prompt_tokens=5, decision={"category": "math"})
    await desk.journal.open(record)
    await desk.journal.close(record)
    await desk.drain.flush()
    await desk.drain.flush()
    rows = await _rows(engine)
    assert list(rows) == [record.request_id]
    row = rows[record.request_id]
    assert (row["cost_nanos"], row["prompt_tokens"]) == (1_234, 5)
    assert row["decision"] == {"category": "math"}
    assert row["started_at"] == record.started_at
    assert await redis.xlen(STREAM) == 0
    assert await redis.hlen(open_requests_key("one")) == 0


async def test_a_record_written_twice_stays_one_row(desk: Desk, engine: AsyncEngine) -> None:
    record = _record(cost_nanos=7)
    for _ in range(3):
        await desk.journal.close(record)
    await desk.drain.flush()
    await desk.journal.close(record)
    await desk.drain.flush()
    assert [row["cost_nanos"] for row in (await _rows(engine)).values()] == [7]


async def test_requests_of_a_dead_process_are_closed_as_interrupted(
    desk: Desk, engine: AsyncEngine, redis: Redis, tmp_path: Path
) -> None:
    dead = Desk(engine, redis, tmp_path, "dead")
    opened, alive = _record(status="interrupted"), _record(status="interrupted")
    await dead.journal.start(exclusive=False)
    await dead.journal.open(opened)
    await desk.journal.open(alive)
    await desk.drain.flush()
    assert await _rows(engine) == {}  # its lease still runs
    await dead.journal.stop()
    await desk.drain.flush()
    rows = await _rows(engine)
    assert {identifier: row["status"] for identifier, row in rows.items()} == {
        opened.request_id: "interrupted"
    }


async def test_a_process_thought_dead_has_the_last_word(
    desk: Desk, engine: AsyncEngine, redis: Redis, tmp_path: Path
) -> None:
    slow = Desk(engine, redis, tmp_path, "slow")
    begun = _record(status="interrupted")
    await slow.journal.open(begun)
    await desk.drain.flush()
    done = _record(request_id=begun.request_id, status="ok", cost_nanos=99)
    await slow.journal.close(done)
    await desk.drain.flush()
    await slow.journal.close(begun)
    await desk.drain.flush()
    row = (await _rows(engine))[begun.request_id]
    assert (row["status"], row["cost_nanos"]) == ("ok", 99)


async def test_without_redis_records_wait_in_the_spool(
    desk: Desk, engine: AsyncEngine, tmp_path: Path
) -> None:
    async with Redis.from_url("redis://127.0.0.1:9") as away:
        journal = UsageJournal(away, desk.spool, "one")
        records = [_record() for _ in range(20)]
        for record in records:
            await journal.open(record)
            await journal.close(record)
    with (tmp_path / "one.spool").open("ab") as file:
        file.write(b'{"request_id": "req_half')  # as if killed in the middle of a line
    await desk.drain.flush()
    assert set(await _rows(engine)) == {record.request_id for record in records}
    assert not (tmp_path / "one.spool").exists()


async def test_the_spool_keeps_what_could_not_be_replayed(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    record = _record()
    spool.append(record)
    with pytest.raises(OSError, match="away"), spool.taken():
        raise OSError("Postgres is away")
    with spool.taken() as first, Spool(tmp_path / "spool").taken() as second:
        assert ([r.request_id for r in first], second) == ([record.request_id], [])
    with spool.taken() as rest:
        assert rest == []


async def test_nothing_is_lost_while_others_replay(tmp_path: Path) -> None:
    """Writers that wait for the lock of a file that is emptied meanwhile begin a new one."""
    path = tmp_path / "spool"
    records = [_record() for _ in range(200)]
    seen: set[str] = set()

    async def write(mine: list[UsageRecord]) -> None:
        spool = Spool(path)
        for record in mine:
            await asyncio.to_thread(spool.append, record)

    async def read(until: asyncio.Event) -> None:
        while not until.is_set():
            with Spool(path).taken() as taken:
                await asyncio.sleep(0.001)
                seen.update(record.request_id for record in taken)
            await asyncio.sleep(0)

    done = asyncio.Event()
    readers = [asyncio.create_task(read(done)) for _ in range(2)]
    await asyncio.gather(*(write(records[n::4]) for n in range(4)))
    done.set()
    await asyncio.gather(*readers)
    with Spool(path).taken() as rest:
        seen.update(record.request_id for record in rest)
    assert seen == {record.request_id for record in records}


async def test_one_bad_record_does_not_hold_up_the_others(
    desk: Desk, engine: AsyncEngine, redis: Redis
) -> None:
    good, bad = [_record(), _record()], _record(model="nul \x00 is not text to Postgres")
    for record in (good[0], bad, good[1]):
        await desk.journal.close(record)
    await redis.xadd(STREAM, {"record": "not json"})
    await desk.drain.flush()
    assert set(await _rows(engine)) == {record.request_id for record in good}
    refused = await redis.lrange(REFUSED, 0, -1)
    assert len(refused) == 2
    assert bad.request_id.encode() in refused[1]


async def test_a_crash_between_commit_and_acknowledgement_is_harmless(
    desk: Desk, engine: AsyncEngine, redis: Redis, tmp_path: Path
) -> None:
    record = _record()
    await desk.journal.close(record)
    await desk.drain.sweep()
    crashed = await redis.xreadgroup("postgres", "gone", {STREAM: ">"})
    assert crashed
    async with engine.begin() as connection:
        await repository.ensure_partitions(connection, [record.started_at.date()])
        await repository.insert_records(connection, [record])
    await desk.drain.flush()
    assert list(await _rows(engine)) == [record.request_id]
    assert await redis.xlen(STREAM) == 0


async def test_what_could_not_be_written_is_written_later(
    desk: Desk, engine: AsyncEngine, redis: Redis
) -> None:
    record = _record()
    await desk.journal.close(record)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE usage RENAME TO usage_away"))
    with pytest.raises(ProgrammingError):
        await desk.drain.flush()
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE usage_away RENAME TO usage"))
    await desk.drain.flush()
    assert list(await _rows(engine)) == [record.request_id]
    assert await redis.xlen(STREAM) == 0


async def test_a_record_that_breaks_a_rule_does_not_hold_up_the_others(
    desk: Desk, engine: AsyncEngine, redis: Redis
) -> None:
    good, bad = _record(), _record()
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE usage ADD CHECK (model <> 'forbidden')"))
    await desk.journal.close(msgspec.structs.replace(bad, model="forbidden"))
    await redis.xadd(STREAM, {"record": msgspec.json.encode(_record(request_id="req_" + "f" * 32))})
    await desk.journal.close(good)
    await desk.drain.flush()
    assert list(await _rows(engine)) == [good.request_id]
    assert await redis.llen(REFUSED) == 2


async def test_a_redis_that_lost_everything_is_taken_as_new(
    desk: Desk, engine: AsyncEngine, redis: Redis
) -> None:
    before, after = _record(), _record()
    await desk.journal.open(after)
    await desk.journal.close(before)
    await desk.drain.flush()
    await redis.flushall()
    await desk.journal.close(after)
    await desk.drain.flush()
    assert set(await _rows(engine)) == {before.request_id, after.request_id}
    assert await redis.xlen(STREAM) == 0


async def test_partitions_past_their_days_are_dropped_and_late_records_still_find_a_place(
    desk: Desk, engine: AsyncEngine
) -> None:
    async def days() -> list[str]:
        tree = "SELECT relid::text FROM pg_partition_tree('usage') WHERE isleaf ORDER BY 1"
        async with engine.connect() as connection:
            return list(await connection.scalars(text(tree)))

    now = datetime.now(UTC)
    moment = int(now.timestamp() * 1000)
    day = 86_400_000
    ids = [f"req_{uuid7(moment - age * day).hex}" for age in (9, 8, 7, 0)]
    for identifier in ids:
        await desk.journal.close(_record(request_id=identifier))
    await desk.drain.flush()
    await UsageUpkeep(engine).partitions(now)
    await UsageUpkeep(engine).retention(now)
    assert len(await days()) == 5  # tomorrow's is made ahead
    await UsageUpkeep(engine, retention_days=7).retention(now)
    assert len(await days()) == 3
    assert set(await _rows(engine)) == set(ids[2:])
    late = _record(request_id=f"req_{uuid7(moment - 9 * day).hex}")
    await desk.journal.close(late)
    await desk.drain.flush()
    assert late.request_id in await _rows(engine)


async def test_a_dropped_partition_that_was_known_is_made_again(
    desk: Desk, engine: AsyncEngine, redis: Redis
) -> None:
    first, second = _record(), _record()
    await desk.journal.close(first)
    await desk.drain.flush()
    async with engine.begin() as connection:
        await repository.drop_partitions(connection, datetime.now(UTC).date() + timedelta(days=1))
    await desk.journal.close(second)
    await desk.drain.flush()
    assert list(await _rows(engine)) == [second.request_id]
    assert await redis.llen(REFUSED) == 0


async def test_rows_are_partitioned_by_day_and_listed_newest_first(
    desk: Desk, engine: AsyncEngine
) -> None:
    day = 86_400_000
    ids = [f"req_{uuid7(1_700_000_000_000 + n * day).hex}" for n in range(3)]
    for identifier in ids:
        await desk.journal.close(_record(request_id=identifier))
    await desk.drain.flush()
    async with engine.connect() as connection:
        names = await connection.scalars(
            text("SELECT relid::text FROM pg_partition_tree('usage') WHERE isleaf ORDER BY 1")
        )
        assert list(names) == ["usage_20231114", "usage_20231115", "usage_20231116"]
        first = await repository.list_rows(connection, limit=2)
        rest = await repository.list_rows(connection, limit=2, after=first[-1]["request_id"])
    assert [row["request_id"] for row in (*first, *rest)] == ids[::-1]


async def test_refused_records_are_not_kept_without_end(
    desk: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("orchestrator.usage.drain.MOST_REFUSED", 3)
    for number in range(5):
        await redis.xadd(STREAM, {"record": f"unreadable {number}"})
        await desk.drain.flush()
    kept = await redis.lrange(REFUSED, 0, -1)
    assert all(f"unreadable {n}".encode() in each for n, each in zip((2, 3, 4), kept, strict=True))
    assert int(await redis.get(DROPPED) or 0) == 2
    assert "2 refused usage records are lost" in caplog.text


async def test_what_an_earlier_release_has_begun_is_closed_too(
    desk: Desk, engine: AsyncEngine, redis: Redis
) -> None:
    """Its replicas may die while they are replaced by those of this one."""
    begun = _record(status="interrupted")
    await redis.hset("coe:open:older", begun.request_id, msgspec.json.encode(begun))  # type: ignore[misc]
    await redis.set("coe:instance:older", "1")
    await desk.drain.flush()
    assert await _rows(engine) == {}
    await redis.delete("coe:instance:older")
    await desk.drain.flush()
    assert list(await _rows(engine)) == [begun.request_id]
