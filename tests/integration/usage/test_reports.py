"""``/v1/usage``: sums, records, files, and whose they are."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from experts.providers.protocol import Usage
from orchestrator.tenants.keys import Role
from orchestrator.usage import own_endpoints
from orchestrator.usage.record import UsageRecord, call_fields, token_fields
from orchestrator.usage.reports import DIMENSIONS
from tests.integration.usage.conftest import Desk, record, store

MARCH = {"start": "2026-03-01", "end": "2026-04-01"}
FALLBACK = [
    call_fields("ada", 1, Usage(10, 0, estimated=True), 100, outcome="failed"),
    call_fields("bo", 2, Usage(10, 5, cached_tokens=4), 900, outcome="ok"),
]
RECORDS: list[UsageRecord] = [
    record("2026-03-01T00:00", expert="ada", prompt_tokens=7, cost_nanos=1, category="math"),
    record("2026-03-01T23:59:59", expert="bo", completion_tokens=3, cost_nanos=20, key_id="key_2"),
    record("2026-03-02T10:00", expert="bo", attempts=FALLBACK, **token_fields(FALLBACK)),
    record("2026-03-02T10:30", status="failed", error_code="expert_failed", model="=cmd()"),
    record("2026-03-02T12:00", tenant="two", expert="ada", cost_nanos=5_000_000_000_000),
    record("2026-04-01T00:00", expert="ada", cost_nanos=777),
]


def _by(report: dict[str, Any], *names: str) -> dict[Any, dict[str, Any]]:
    return {
        tuple(row["group"][name] for name in names)
        if len(names) > 1
        else row["group"][names[0]]: row
        for row in report["data"]
    }


@pytest.fixture(scope="module")
async def filled(desk: Desk) -> Desk:
    await store(desk.engine, *RECORDS)
    return desk


async def test_days_are_summed_up_in_utc_and_only_for_the_keys_tenant(filled: Desk) -> None:
    user = await filled.caller()
    report = (await user.get("/v1/usage", **MARCH)).json()
    assert report["group_by"] == ["day"]
    days = _by(report, "day")
    assert list(days) == ["2026-03-01", "2026-03-02"]
    assert (days["2026-03-01"]["requests"], days["2026-03-01"]["cost_nanos"]) == (2, 21)
    second = days["2026-03-02"]
    assert (second["requests"], second["failed"], second["estimated"]) == (2, 1, 1)
    assert (second["prompt_tokens"], second["cached_tokens"]) == (20, 4)
    totals = report["totals"]
    assert (totals["requests"], totals["cost_nanos"]) == (4, 1021)
    assert totals["cost_usd"] == 1021 / 1e9
    assert (report["has_more"], report["next"]) == (False, None)


async def test_experts_are_told_apart_by_their_calls(filled: Desk) -> None:
    user = await filled.caller()
    report = (await user.get("/v1/usage", **MARCH, group_by="expert")).json()
    experts = _by(report, "expert")
    assert list(experts) == [None, "ada", "bo"]
    assert (experts["ada"]["requests"], experts["ada"]["cost_nanos"]) == (2, 101)
    assert (experts["bo"]["requests"], experts["bo"]["cost_nanos"]) == (2, 920)
    assert (experts["bo"]["estimated"], experts["ada"]["estimated"]) == (0, 1)
    # A request with two experts counts for both, its money once.
    assert report["totals"]["requests"] == 4
    assert (
        sum(row["cost_nanos"] for row in report["data"]) == report["totals"]["cost_nanos"] == 1021
    )
    only = (await user.get("/v1/usage", **MARCH, expert="bo", group_by="day,expert_version")).json()
    assert [row["cost_nanos"] for row in only["data"]] == [20, 900]
    assert _by(only, "day", "expert_version").keys() == {("2026-03-01", None), ("2026-03-02", "2")}


@pytest.mark.parametrize(
    ("query", "requests"),
    [
        ({"key": "key_2"}, 1),
        ({"status": "failed"}, 1),
        ({"category": "math"}, 1),
        ({"model": "=cmd()"}, 1),
        ({"api": "runs"}, 0),
        ({"policy": "economy"}, 0),
        ({"start": "2026-03-02T10:30:00Z", "end": "2026-03-02T11:00:00+00:00"}, 1),
        ({"start": "2026-03-02T11:30:00+01:00", "end": "2026-03-02T12:00:00+01:00"}, 1),
    ],
)
async def test_filters(filled: Desk, query: dict[str, str], requests: int) -> None:
    user = await filled.caller()
    report = (await user.get("/v1/usage", **(MARCH | query), group_by="")).json()
    assert report["totals"]["requests"] == requests
    assert [row["requests"] for row in report["data"]] == [requests]


async def test_pages_of_groups_hold_each_once(filled: Desk) -> None:
    user = await filled.caller()
    query: dict[str, Any] = {**MARCH, "group_by": ["day", "expert", "status"], "limit": 2}
    whole = (await user.get("/v1/usage", **(query | {"limit": 100}))).json()
    seen: list[Any] = []
    while True:
        page = (await user.get("/v1/usage", **query)).json()
        seen += page["data"]
        assert page["totals"] == whole["totals"]
        if not page["has_more"]:
            break
        query["after"] = page["next"]
    assert seen == whole["data"]
    assert len(seen) == 5


async def test_others_usage_needs_the_role_to_see_it(filled: Desk) -> None:
    user = await filled.caller()
    for path in ("/v1/usage", "/v1/usage/export", "/v1/usage/requests"):
        for tenant in ("two", "*"):
            answer = await user.get(path, tenant=tenant)
            assert answer.status_code == 403, answer.text
            assert answer.json()["error"]["code"] == "insufficient_role"
    viewer = await filled.caller(role=Role.VIEWER)
    everyone = (await viewer.get("/v1/usage", **MARCH, tenant="*", group_by="tenant")).json()
    assert {name: row["requests"] for name, row in _by(everyone, "tenant").items()} == {
        "one": 4,
        "two": 1,
    }
    assert everyone["totals"]["cost_nanos"] == 5_000_000_001_021
    other = (await viewer.get("/v1/usage", **MARCH, tenant="two")).json()
    assert other["totals"]["requests"] == 1


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"group_by": "colour"}, "group_by"),
        ({"start": "2026-03-01T00:00"}, "start"),
        ({"start": "yesterday"}, "start"),
        ({"start": "2026-05-01", "end": "2026-04-01"}, "start"),
        ({"start": "2020-01-01", "end": "2026-04-01"}, "start"),
        ({"end": "9999-99-99"}, "end"),
        ({"end": "0001-01-01"}, "end"),
        ({"start": "0001-01-01T00:00+23:59"}, "start"),
        ({"after": "bm9uc2Vuc2U"}, "after"),
        ({"after": "\ud7ff"}, "after"),
        ({"format": "xml"}, "format"),
        ({"model": "a\x00b"}, "model"),
        ({"colour": "red"}, "colour"),
        ({"limit": "0"}, "limit"),
    ],
)
async def test_what_is_wrong_is_named(filled: Desk, query: dict[str, str], param: str) -> None:
    user = await filled.caller()
    answer = await user.get("/v1/usage", **query)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


async def test_a_report_as_csv_has_the_exact_money(filled: Desk) -> None:
    viewer = await filled.caller(role=Role.VIEWER)
    answer = await viewer.get("/v1/usage", **MARCH, tenant="*", group_by="tenant", format="csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["tenant"], row["cost_usd"]) for row in rows] == [
        ("one", "0.000001021"),
        ("two", "5000"),
    ]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
async def test_an_export_holds_every_record_once(
    filled: Desk, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_endpoints, "_ROWS_AT_ONCE", 2)
    viewer = await filled.caller(role=Role.VIEWER)
    answer = await viewer.get("/v1/usage/export", **MARCH, tenant="*", format=form)
    assert answer.headers["content-disposition"] == f'attachment; filename="usage.{form}"'
    rows = _rows(answer.content, form)
    assert [row["request_id"] for row in rows] == [each.request_id for each in RECORDS[:5]]
    assert sum(int(row["cost_nanos"]) for row in rows) == 5_000_000_001_021
    assert sum(Decimal(str(row["cost_usd"])) for row in rows) == Decimal("5000.000001021")
    # A spreadsheet must not take what a caller wrote for a formula.
    assert rows[3]["model"] == ("'=cmd()" if form == "csv" else "=cmd()")
    own = await (await filled.caller()).get("/v1/usage/export", **MARCH, format=form)
    assert len(_rows(own.content, form)) == 4
    none = await viewer.get("/v1/usage/export", start="2025-01-01", end="2025-01-02", format=form)
    assert _rows(none.content, form) == []


async def test_the_header_accept_chooses_too(filled: Desk) -> None:
    user = await filled.caller()
    client, headers = user._client, user._headers
    kinds = {
        "application/vnd.apache.parquet": b"PAR1",
        "application/x-ndjson": b'{"re',
        "text/csv, */*": b"requ",
        "*/*": b"requ",
    }
    for kind, begins in kinds.items():
        answer = await client.get(
            "/v1/usage/export", params=MARCH, headers={**headers, "accept": kind}
        )
        assert answer.content[:4] == begins


def _rows(body: bytes, form: str) -> list[dict[str, Any]]:
    if form == "csv":
        return list(csv.DictReader(io.StringIO(body.decode())))
    if form == "jsonl":
        return [json.loads(line) for line in body.splitlines()]
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(pa.BufferReader(body), use_threads=False)
    assert str(table.schema.field("cost_usd").type) == "decimal128(38, 9)"
    assert str(table.schema.field("started_at").type) == "timestamp[us, tz=UTC]"
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


async def test_records_are_listed_and_shown_to_their_tenant(filled: Desk) -> None:
    user, stranger = await filled.caller(), await filled.caller("two")
    first = (await user.get("/v1/usage/requests", limit=3)).json()
    rest = (await user.get("/v1/usage/requests", limit=3, after=first["next"])).json()
    listed = [row["request_id"] for row in (*first["data"], *rest["data"])]
    mine = [each.request_id for each in RECORDS if each.tenant == "one"]
    assert listed == mine[::-1]
    shown = (await user.get(f"/v1/usage/requests/{mine[2]}")).json()
    assert [call["expert"] for call in shown["attempts"]] == ["ada", "bo"]
    assert shown["cost_usd"] == 1000 / 1e9
    for path in (mine[0], "req_nonsense", "req_" + "f" * 32):
        assert (await stranger.get(f"/v1/usage/requests/{path}")).status_code == 404


async def test_the_parts_are_the_whole_however_it_is_cut(desk: Desk) -> None:
    """Money and tokens of random requests, some with several calls, by every dimension."""
    random = Random(7)  # noqa: S311
    records = [_random_record(random) for _ in range(150)]
    await store(desk.engine, *records)
    user = await desk.caller("many")
    for by in (*DIMENSIONS, "day,expert", "hour,key,status", "model,policy,api", ""):
        report = (await user.get("/v1/usage", **MARCH, group_by=by, limit=10_000)).json()
        for name in ("cost_nanos", "prompt_tokens", "completion_tokens", "cached_tokens"):
            whole = sum(getattr(each, name) for each in records)
            parts = [row[name] for row in report["data"]]
            assert (sum(parts), report["totals"][name]) == (whole, whole), (by, name)
        requests = sum(row["requests"] for row in report["data"])
        assert report["totals"]["requests"] == len(records) <= requests


def _random_record(random: Random) -> UsageRecord:
    calls = [
        call_fields(
            random.choice("abc"),
            random.randint(1, 2),
            Usage(*(random.randint(50, 100) for _ in range(2)), random.randint(0, 50)),
            random.randint(0, 10**12),
        )
        for _ in range(random.randint(0, 3))
    ]
    one = {"expert": random.choice("abc")} if len(calls) == 1 else {"attempts": calls}
    return record(
        f"2026-03-{random.randint(1, 9):02d}T{random.randint(0, 23):02d}:00",
        tenant="many",
        key_id=random.choice(("key_1", "key_2")),
        model=random.choice(("coe", "coe-economy")),
        policy=random.choice((None, "economy")),
        status=random.choice(("ok", "failed")),
        **one,
        **token_fields(calls),
    )


async def test_the_query_of_one_tenant_reads_only_its_rows_and_days(filled: Desk) -> None:
    """The planner prunes partitions and has an index for the tenant."""
    from sqlalchemy import text

    async with filled.engine.begin() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await connection.scalars(
            text(
                "EXPLAIN SELECT sum(cost_nanos) FROM usage WHERE tenant = 'one' "
                "AND started_at >= '2026-03-02' AND started_at < '2026-03-03'"
            )
        )
        told = "\n".join(plan)
    assert "usage_20260302" in told
    assert "usage_20260301" not in told
    assert "tenant" in told
    assert "Index" in told
