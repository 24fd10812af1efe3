"""Lists of runs: searched, filtered, sorted and paged by Postgres."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.runs import listing
from orchestrator.runs.listing import Sort, Wanted
from orchestrator.runs.tables import runs

A, B, C, D = (f"run_{n:032x}" for n in range(1, 5))
TASKS: list[dict[str, Any]] = [
    {
        "id": A,
        "tenant": "default",
        "answer": "The café's path is a/b.txt",
        "cost_nanos": 5,
        "minutes": 3,
    },
    {
        "id": B,
        "tenant": "default",
        "answer": None,
        "cost_nanos": 9,
        "minutes": 1,
        "status": "failed",
    },
    {"id": C, "tenant": "other", "answer": "A sonnet", "cost_nanos": 5, "minutes": 2},
    {"id": D, "tenant": "default", "answer": None, "minutes": None, "status": "queued"},
]


@pytest.fixture
async def stored(engine: AsyncEngine) -> AsyncEngine:
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("INSERT INTO tenants (id, name) VALUES ('default', ''), ('other', '')")
        )
        for number, task in enumerate(TASKS, 1):
            took = task["minutes"]
            ended = None if took is None else sa.text(f"now() + interval '{took} minutes'")
            await connection.execute(
                sa.insert(runs).values(
                    id=task["id"],
                    tenant=task["tenant"],
                    key_id=f"key_{number}",
                    request_id=f"req_{number:032x}",
                    strategy="panel" if number == 1 else "conductor",
                    status=task.get("status", "finished"),
                    request={
                        "policy": "balanced",
                        "messages": [{"role": "user", "content": f"Task number {number}: plan"}],
                    },
                    metadata={"team": "search"} if number == 2 else {},
                    answer=task["answer"],
                    error_code="budget_exceeded" if number == 2 else None,
                    error_message="It ran out." if number == 2 else None,
                    started_at=None if took is None else sa.func.now(),
                    finished_at=ended,
                    cost_nanos=task.get("cost_nanos", 0),
                )
            )
    return engine


async def found(engine: AsyncEngine, wanted: Wanted, seen: str | None = None) -> list[str]:
    async with engine.connect() as connection:
        rows = await listing.page(connection, seen, wanted, limit=10, after=None)
    return [row["id"] for row in rows]


SEARCHES = [
    ("sonnet", [C]),
    ("SON", [C]),
    ("café path", [A]),
    ("b.txt", [A]),
    ("number 2", [B]),
    ("search", [B]),
    ("ran out", [B]),
    ("budget_exceeded", [B]),
    ("panel", [A]),
    ("other", [C]),
    (C, [C]),
    ("run_0", [D, C, B, A]),
    ("key_3", [C]),
    (f"req_{1:032x}", [A]),
    ("sonnet café", []),
    ("' & | !", []),
    ("plan", [D, C, B, A]),
    ("  ", [D, C, B, A]),
]


async def test_words_and_ids_find_runs(stored: AsyncEngine) -> None:
    for q, expected in SEARCHES:
        assert await found(stored, Wanted(q=q)) == expected, q


async def test_a_tenant_sees_its_own_however_it_searches(stored: AsyncEngine) -> None:
    assert await found(stored, Wanted(q="sonnet"), "default") == []
    assert await found(stored, Wanted(tenant="other"), "default") == []
    assert await found(stored, Wanted(tenant="other")) == [C]
    assert await found(stored, Wanted(strategy="panel", status="finished")) == [A]
    assert await found(stored, Wanted(strategy="panel", status="failed")) == []


ORDERS: dict[Sort, list[str]] = {
    "-created": [D, C, B, A],
    "created": [A, B, C, D],
    "-cost": [B, C, A, D],
    "cost": [D, A, C, B],
    "-took": [A, C, B, D],
    "took": [D, B, C, A],
}


async def test_each_order_goes_on_from_page_to_page(stored: AsyncEngine) -> None:
    async with stored.connect() as connection:
        for sort, expected in ORDERS.items():
            wanted, seen = Wanted(sort=sort), list[str]()
            while rows := await listing.page(
                connection, None, wanted, limit=1, after=seen[-1] if seen else None
            ):
                seen += [row["id"] for row in rows]
                assert len(seen) <= len(expected)
            assert seen == expected, sort
