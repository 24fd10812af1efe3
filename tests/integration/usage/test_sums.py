"""Sums of usage: each row counts exactly once, whoever writes it and whenever it is added."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.usage import repository
from orchestrator.usage.sums.histogram import counts_of
from orchestrator.usage.sums.ranges import DAY, HOUR, told
from orchestrator.usage.sums.repository import summed
from orchestrator.usage.sums.tables import usage_news, usage_sums
from orchestrator.usage.upkeep import UsageUpkeep
from tests.integration.usage.conftest import record, store

NOW = datetime(2026, 3, 10, 14, 30, tzinfo=UTC)
WEEK = told(NOW - timedelta(days=7), NOW, NOW)


async def sums(engine: AsyncEngine, **apart: Any) -> dict[Any, dict[str, Any]]:
    async with engine.connect() as connection:
        return await summed(connection, WEEK, **{"only": {}, **apart})


async def total(engine: AsyncEngine, **apart: Any) -> dict[str, Any]:
    return (await sums(engine, **apart)).get(None, {})


async def count(engine: AsyncEngine, table: sa.Table) -> int:
    async with engine.connect() as connection:
        found = await connection.scalar(sa.select(sa.func.count()).select_from(table))
    return found or 0


async def test_rows_count_once_before_and_after_they_are_added(engine: AsyncEngine) -> None:
    first = record("2026-03-10T14:00", expert="ada", category="code", cost_nanos=5, prompt_tokens=7)
    other = record("2026-03-09T23:59", expert="bo", tenant="two", status="failed", cost_nanos=2)
    await store(engine, first, other)
    before = await total(engine)
    assert (before["requests"], before["ok"], before["failed"]) == (2, 1, 1)
    assert (before["cost_nanos"], before["prompt_tokens"], before["calls"]) == (7, 7, 2)
    upkeep = UsageUpkeep(engine)
    await upkeep.sums(NOW)
    assert await count(engine, usage_news) == 0
    assert await total(engine) == before
    await store(engine, first, other)  # as after a crash between Postgres and Redis
    await upkeep.sums(NOW)
    assert await total(engine) == before
    by = {key: one["requests"] for key, one in (await sums(engine, by="expert")).items()}
    assert by == {"ada": 1, "bo": 1}
    by = {key: one["cost_nanos"] for key, one in (await sums(engine, bucket=DAY)).items()}
    assert by == {datetime(2026, 3, 9, tzinfo=UTC): 2, datetime(2026, 3, 10, tzinfo=UTC): 5}
    only = {"tenant": "two", "expert": "bo"}
    assert (await total(engine, only=only))["failed"] == 1
    assert (await sums(engine, only=only, bucket=HOUR)).keys() == {
        datetime(2026, 3, 9, 23, tzinfo=UTC)
    }


@pytest.mark.parametrize("added", [False, True])
async def test_what_replaces_an_interrupted_row_takes_its_place(
    engine: AsyncEngine, added: bool
) -> None:
    cut = record("2026-03-10T14:00", status="interrupted", expert="ada", cost_nanos=100)
    await store(engine, cut)
    if added:
        await UsageUpkeep(engine).sums(NOW)
    done = record(
        "2026-03-10T14:00", request_id=cut.request_id, expert="bo", cost_nanos=30, duration_ms=70.0
    )
    await store(engine, done)
    await UsageUpkeep(engine).sums(NOW)
    found = await total(engine)
    assert (found["requests"], found["ok"], found["interrupted"]) == (1, 1, 0)
    assert found["cost_nanos"] == 30
    assert sum(counts_of(found["latency"]).values()) == 1
    experts = await sums(engine, by="expert")
    assert (experts["ada"]["cost_nanos"], experts["bo"]["cost_nanos"]) == (0, 30)


async def test_calls_count_for_whom_they_went_to(engine: AsyncEngine) -> None:
    def call(expert: str, outcome: str, nanos: int) -> dict[str, Any]:
        return {"expert": expert, "outcome": outcome, "cost_nanos": nanos, "prompt_tokens": nanos}

    calls = [call("ada", "failed", 1), call("bo", "skipped", 0), call("cy", "ok", 20)]
    fallback = record("2026-03-10T14:00", expert="cy", attempts=calls, cost_nanos=21)
    kept = record(
        "2026-03-10T14:00", expert="ada", attempts=[], cache="hit", saved_tokens=9, saved_nanos=4
    )
    await store(engine, fallback, kept)
    wanted = ("requests", "calls", "failed_calls", "cost_nanos", "cache_hits", "saved_nanos")
    found = await sums(engine, by="expert", sums=wanted)
    assert {key: tuple(one.values()) for key, one in found.items()} == {
        "ada": (1, 1, 1, 1, 1, 4),
        "cy": (1, 1, 0, 20, 0, 0),
    }


async def test_sums_equal_the_rows_whatever_is_told_apart(engine: AsyncEngine) -> None:
    rows = [
        record(
            f"2026-03-{4 + n % 7:02}T{n % 24:02}:{n % 60:02}",
            tenant=f"t{n % 3}",
            expert=f"e{n % 5}",
            category=None if n % 4 == 0 else f"c{n % 4}",
            status="ok" if n % 6 else "cancelled",
            cost_nanos=n,
            duration_ms=float(n),
            first_token_ms=n / 2,
        )
        for n in range(1, 200)
    ]
    await store(engine, *rows[:120])
    await UsageUpkeep(engine).sums(NOW)
    await store(engine, *rows[120:])
    asked = [one for one in rows if WEEK.start <= one.started_at < WEEK.end]
    assert len(asked) < len(rows)
    both = {"tenant": "t2", "category": "c1"}
    for only in ({}, {"tenant": "t1"}, {"expert": "e2"}, {"category": ""}, both):
        mine = [one for one in asked if all((getattr(one, k) or "") == v for k, v in only.items())]
        for by in ("tenant", "expert", "category"):
            found = await sums(engine, only=only, by=by, sums=("requests", "cost_nanos", "latency"))
            expected: dict[str, list[int]] = {}
            for one in mine:
                here = expected.setdefault(getattr(one, by) or "", [0, 0, 0])
                here[0] += 1
                here[1] += one.cost_nanos
                here[2] += one.status == "ok"
            assert {
                key: [one["requests"], one["cost_nanos"], sum(counts_of(one["latency"]).values())]
                for key, one in found.items()
            } == expected


async def test_old_sums_go(engine: AsyncEngine) -> None:
    await store(engine, record("2026-03-10T14:00"), record("2025-11-01T10:00"))
    await UsageUpkeep(engine).sums(NOW)

    async def slots() -> set[tuple[int, str]]:
        async with engine.connect() as connection:
            query = sa.select(usage_sums.c.grain, usage_sums.c.slot).distinct()
            return {(grain, f"{slot:%m-%d}") for grain, slot in await connection.execute(query)}

    # Minutes that nobody may ask for any more are not even made.
    kept = {(1, "03-10"), (60, "03-10"), (1440, "03-10"), (1440, "11-01")}
    assert await slots() == kept | {(60, "11-01")}
    await UsageUpkeep(engine).retention(NOW)
    assert await slots() == kept
    async with engine.begin() as connection:
        await repository.ensure_partitions(connection, [NOW.date()])
    await UsageUpkeep(engine, retention_days=30).retention(NOW)
    assert await slots() == kept - {(1440, "11-01")}
    await UsageUpkeep(engine).retention(NOW + timedelta(days=5))
    assert await slots() == {(60, "03-10"), (1440, "03-10")}
