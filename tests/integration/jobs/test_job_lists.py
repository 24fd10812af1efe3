"""Lists of jobs: searched, filtered, sorted and paged by Postgres."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.jobs import listing
from orchestrator.jobs.listing import Sort, Wanted
from orchestrator.jobs.tables import jobs

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C = f"batch_{1:032x}", f"export_{2:032x}", f"batch_{3:032x}"


async def stock(engine: AsyncEngine) -> None:
    rows = [
        (A, "batch", "running", "acme", {"team": "search/rank"}, 10, 2, 7, None),
        (B, "export", "failed", "acme", {}, 0, 0, 0, "disk_full"),
        (C, "batch", "finished", "other", {}, 10, 1, 9, None),
    ]
    async with engine.begin() as connection:
        names = sa.text("INSERT INTO tenants (id, name) VALUES ('acme', ''), ('other', '')")
        await connection.execute(names)
        for number, row in enumerate(rows, 1):
            id_, kind, state, tenant, metadata, total, failed, nanos, error = row
            await connection.execute(
                sa.insert(jobs).values(
                    id=id_,
                    kind=kind,
                    state=state,
                    tenant=tenant,
                    key_id=f"key_{number}",
                    payload={},
                    metadata=metadata,
                    total=total,
                    failed=failed,
                    cost_nanos=nanos,
                    error_code=error,
                    created_at=BEGUN + timedelta(minutes=number),
                    finished_at=None if state == "running" else BEGUN + timedelta(hours=1),
                )
            )


FOUND: list[tuple[Wanted, list[str]]] = [
    (Wanted(), [C, B, A]),
    (Wanted(q="rank"), [A]),
    (Wanted(q="sea ran"), [A]),
    (Wanted(q="disk"), [B]),
    (Wanted(q="acme", kind="export"), [B]),
    (Wanted(q="batch_0"), [C, A]),
    (Wanted(q="key_2"), [B]),
    (Wanted(q=C), [C]),
    (Wanted(q="rank", tenant="other"), []),
    (Wanted(state="failed"), [B]),
    (Wanted(q="%"), []),
]
ORDERS: dict[Sort, list[str]] = {
    "-created": [C, B, A],
    "created": [A, B, C],
    "-cost": [C, A, B],
    "cost": [B, A, C],
    "-items": [C, A, B],
    "items": [B, A, C],
    "-failed": [A, C, B],
    "failed": [B, C, A],
}


async def test_jobs_are_found_and_sorted_from_page_to_page(engine: AsyncEngine) -> None:
    await stock(engine)
    async with engine.connect() as connection:
        for wanted, expected in FOUND:
            rows = await listing.page(connection, wanted, limit=10, after=None)
            assert [row["id"] for row in rows] == expected, wanted
        for sort, expected in ORDERS.items():
            seen = list[str]()
            while rows := await listing.page(
                connection, Wanted(sort=sort), limit=1, after=seen[-1] if seen else None
            ):
                seen += [row["id"] for row in rows]
                assert len(seen) <= len(expected)
            assert seen == expected, sort
