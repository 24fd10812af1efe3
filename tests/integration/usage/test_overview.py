"""The overview, the searched list of requests, one request, and experts' figures, as the client asks for them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from coe_client import BadRequestError, NotFoundError, PermissionDeniedError
from experts.catalogue.expert import Endpoint, Expert, Price, SecretRef
from orchestrator.jobs.tables import jobs
from orchestrator.tenants.keys import Role
from orchestrator.tenants.limits.values import Limits
from orchestrator.usage.sums.ranges import MINUTE, floor
from tests.integration.usage.conftest import Caller, Desk, record, request_id_at, store

MIDNIGHT = floor(datetime.now(UTC) - timedelta(days=30), 1440)
"""Lately: of what is much older hours are no longer told apart."""


def day(days: int) -> str:
    return f"{MIDNIGHT + timedelta(days=days):%Y-%m-%d}"


DAY = {"since": day(0), "until": day(1)}
CALLS = [
    {"expert": "echo", "version": 1, "outcome": "failed", "error": "timeout", "began_ms": 0.5,
     "duration_ms": 20.0, "endpoint": "one", "cost_nanos": 0},
    {"expert": "dear", "version": 1, "outcome": "ok", "began_ms": 21.0, "duration_ms": 70.0,
     "endpoint": "two", "prompt_tokens": 1_000, "completion_tokens": 100, "cost_nanos": 2_000_000},
]  # fmt: skip
DECISION = {"category": "general", "expert": "echo", "rule": "category", "reason": "It fits."}
ROWS = [
    record(f"{day(-1)}T12:00", expert="echo", category="general", cost_nanos=10**9),
    record(f"{day(0)}T00:00", expert="echo", category="general", prompt_tokens=10**6,
           cost_nanos=10**9, duration_ms=100.0, session="talk", timing={"call": {"endpoint": "here"}}),
    record(f"{day(0)}T01:30", expert="dear", category="general", cost_nanos=2_000_000,
           attempts=CALLS, decision=DECISION, duration_ms=200.0, first_token_ms=80.0, streamed=True,
           policy="economy", timing={"stages": {"read": 1.0, "route": 2.0, "limits": 1.0}}),
    record(f"{day(0)}T01:40", expert="dear", tenant="two", cost_nanos=3 * 10**9, key_id="key_2",
           status="failed", error_code="expert_failed", duration_ms=900.0, model="dear"),
    record(f"{day(0)}T23:59", expert="echo", category="general", attempts=[], cache="hit",
           saved_tokens=50, saved_nanos=10**9, duration_ms=1.0),
]  # fmt: skip


@pytest.fixture(scope="module")
async def filled(desk: Desk) -> Desk:
    catalogue = desk.services.catalogue
    price = Price(input=1.0, output=10.0)
    await catalogue.create(
        Expert(id="dear", name="Dear One", provider="scripted", model="m", price=price,
               active_parameters=900, tags=frozenset({"best"})), by="test",
    )  # fmt: skip
    key = Endpoint(url="http://127.0.0.1:9/v1", api_key=SecretRef(env="NO_SUCH_KEY"))
    free = Expert(id="free", provider="openai", model="x", endpoints=(key,), active_parameters=1)
    await catalogue.create(free, by="test")
    await store(desk.engine, *ROWS)
    desk.services.watch.fresh = 0.0
    return desk


@pytest.fixture(scope="module")
async def viewer(filled: Desk) -> Caller:
    return await filled.caller(role=Role.VIEWER)


async def found(viewer: Caller, **search: Any) -> list[int]:
    """Return which of the rows a search finds, by their places."""
    ids = [row.request_id for row in ROWS]
    return [ids.index(one.request_id) async for one in viewer.coe.usage.list(**search)]


async def test_a_day_is_summed_up_and_compared(viewer: Caller) -> None:
    overview = await viewer.coe.overview.get(**DAY)
    totals = overview.totals
    assert (totals.requests, totals.ok, totals.failed, totals.error_share) == (4, 3, 1, 0.25)
    assert totals.cost_usd == pytest.approx(4.002)
    assert (totals.cache_hits, totals.cache_saved_usd, totals.latency_ms.count) == (1, 1.0, 3)
    assert overview.previous.requests == 1
    assert overview.change.requests == 3.0
    assert overview.best_single is not None
    assert (overview.best_single.expert, overview.best_single.name) == ("dear", "Dear One")
    # A million and a thousand tokens read and a hundred written, less 1.002 dollars; the request that
    # named its expert is left out.
    assert totals.baseline_usd == pytest.approx(1.002)
    assert totals.saved_usd == pytest.approx(0.0)
    assert (overview.bucket_seconds, len(overview.series)) == (3600, 24)
    assert [bucket.requests for bucket in overview.series[:3]] == [1, 2, 0]
    by_expert = {group.id: group for group in overview.by_expert.data}
    assert (by_expert["dear"].requests, by_expert["dear"].name) == (2, "Dear One")
    assert by_expert["echo"].cost_usd == 1.0
    assert {group.id for group in overview.by_category.data} == {"general", ""}
    assert overview.by_tenant.data[0].requests_share == 0.75


async def test_an_overview_of_a_part(viewer: Caller) -> None:
    one = await viewer.coe.overview.get(**DAY, tenant="two", expert="dear", bucket="6h")
    assert (one.totals.requests, one.totals.failed, len(one.series)) == (1, 1, 4)
    routed = await viewer.coe.overview.get(**DAY, category="general")
    assert routed.totals.requests == 3


async def test_overviews_refuse_what_makes_no_sense(filled: Desk, viewer: Caller) -> None:
    for wrong, param in (
        ({"since": day(1), "until": day(0)}, "since"),
        ({"until": "yesterday"}, "until"),
        ({"since": day(-60), "until": day(0), "bucket": "hour"}, "bucket"),
    ):
        with pytest.raises(BadRequestError) as caught:
            await viewer.coe.overview.get(**wrong)
        assert caught.value.param == param
    with pytest.raises(PermissionDeniedError):
        await (await filled.caller()).coe.overview.get()


async def test_what_needs_attention(filled: Desk, viewer: Caller) -> None:
    services, now = filled.services, datetime.now(UTC)
    nearly = now + timedelta(hours=5)
    record_, _ = await services.keys.create(
        name="ci", role=Role.USER, tenant="one", expires_at=nearly, created_by="test"
    )
    await services.limits.put("one", "tenant", Limits(day=0), "test")
    failed = {"id": "job_1", "kind": "batch", "tenant": "one", "key_id": "key_1", "priority": 0}
    failed |= {"state": "failed", "error_message": "No file.", "finished_at": now}
    failed |= {"payload": {}, "metadata": {}}
    async with filled.engine.begin() as connection:
        await connection.execute(sa.text("SET LOCAL session_replication_role TO replica"))
        await connection.execute(sa.insert(jobs).values(failed | {"created_at": now}))
    try:
        told = (await viewer.coe.overview.get()).attention
    finally:
        await services.limits.delete("one", "tenant")
    found = {one.kind: (one.severity, one.link.page, one.link.id) for one in told}
    assert found == {
        "budget_nearly_used": ("error", "tenants", "one"),
        "key_expires": ("warning", "tenants", "one"),
        "job_failed": ("warning", "jobs", "job_1"),
        "price_missing": ("info", "experts", "free"),
    }
    assert record_.id in next(one.text for one in told if one.kind == "key_expires")


@pytest.mark.parametrize(
    ("search", "places"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"sort": "time"}, [0, 1, 2, 3, 4]),
        ({"sort": "-cost", "since": day(0)}, [3, 1, 2, 4]),
        ({"sort": "duration", "until": day(1), "since": day(0)}, [4, 1, 2, 3]),
        ({"tenant": "two"}, [3]),
        ({"key": "key_2"}, [3]),
        ({"expert": "dear", "status": "ok"}, [2]),
        ({"category": ""}, [3]),
        ({"policy": "economy"}, [2]),
        ({"model": "dear"}, [3]),
        ({"session": "talk"}, [1]),
        ({"cache": "any"}, [4]),
        ({"cache": "miss"}, []),
        ({"min_cost_usd": 1.0, "max_cost_usd": 2.0}, [1, 0]),
        ({"min_duration_ms": 200.0}, [3, 2]),
        ({"id": ROWS[2].request_id[:20]}, [2]),
        ({"id": ROWS[2].request_id.removeprefix("req_")}, [2]),
        ({"id": "req_"}, [4, 3, 2, 1, 0]),
        ({"id": "ffff"}, []),
    ],
)
async def test_requests_are_searched(
    viewer: Caller, search: dict[str, Any], places: list[int]
) -> None:
    assert await found(viewer, **search) == places
    assert await found(viewer, **search, page_size=1) == places
    page = await viewer.coe.usage.page(**search, limit=2)
    assert (page.total, page.total_exact) == (len(places), True)


async def test_more_than_are_counted_are_estimated(
    viewer: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.usage.listing.COUNTED", 0)
    summed = await viewer.coe.usage.page(expert="dear")
    assert (summed.total, summed.total_exact) == (2, False)
    for search in ({"min_cost_usd": 0.5}, {"cache": "any", "key": "key_1"}):
        planned = await viewer.coe.usage.page(**search)
        assert planned.total is not None
        assert planned.total >= 1
        assert not planned.total_exact


async def test_searches_refuse_what_is_no_place_or_moment(viewer: Caller) -> None:
    for wrong, param in (
        ({"after": "nowhere"}, "after"),
        ({"after": f"7~{ROWS[0].request_id}"}, "after"),
        ({"after": ROWS[0].request_id, "sort": "cost"}, "after"),
        ({"after": f"{2**63}~{ROWS[0].request_id}", "sort": "cost"}, "after"),
        ({"after": "req_" + "f" * 32}, "after"),
        ({"since": "soon"}, "since"),
        ({"since": day(0), "until": day(-1)}, "since"),
        ({"id": "REQ"}, "id"),
    ):
        with pytest.raises(BadRequestError) as caught:
            await viewer.coe.usage.page(**wrong)  # type: ignore[arg-type]
        assert caught.value.param == param


async def test_a_search_that_takes_too_long_is_given_up(
    viewer: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.usage.listing._LIST_PATIENCE", "1ms")
    slow = sa.func.pg_sleep(0.05).is_not(None)
    monkeypatch.setattr("orchestrator.usage.listing.Wanted.conditions", lambda _: [slow])
    with pytest.raises(BadRequestError, match="shorter time"):
        await viewer.coe.usage.page()


async def test_the_same_is_exported(viewer: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.usage.endpoints._ROWS_AT_ONCE", 2)
    pieces = viewer.coe.usage.export_list("csv", since=day(0), sort="-cost")
    text = b"".join([piece async for piece in pieces]).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["request_id"] for row in rows] == [ROWS[n].request_id for n in (3, 1, 2, 4)]
    assert rows[1]["session"] == "talk"


async def test_one_request_with_all_that_is_on_record(viewer: Caller) -> None:
    user = viewer.coe
    await user.feedback.give(ROWS[2].request_id, rating=1.0)
    detail = await user.usage.get(ROWS[2].request_id)
    assert [(one.what, one.at_ms) for one in detail.timeline] == [
        ("decided", 1.0),
        ("attempt", 4.5),
        ("attempt", 25.0),
        ("first_token", 83.0),
        ("end", 203.0),
    ]
    assert detail.timeline[1].detail["error"] == "timeout"
    assert detail.endpoint == "two"
    assert (detail.money.input_usd, detail.money.output_usd) == (0.001, 0.001)
    assert (detail.money.total_usd, detail.money.exact) == (0.002, True)
    assert [one.rating for one in detail.feedback] == [1.0]
    plain = await user.usage.get(ROWS[1].request_id)
    assert plain.endpoint == "here"
    for unknown in (request_id_at(MIDNIGHT), "nonsense"):
        with pytest.raises(NotFoundError):
            await user.usage.get(unknown)


async def test_experts_have_figures(filled: Desk, viewer: Caller) -> None:
    now = floor(datetime.now(UTC), MINUTE)
    lately: list[Any] = [
        record(f"{now - timedelta(minutes=2):%Y-%m-%dT%H:%M:%S}", expert="dear", cost_nanos=10**9,
               duration_ms=1_000.0, first_token_ms=200.0, streamed=True, completion_tokens=80),
        record(f"{now - timedelta(hours=5):%Y-%m-%dT%H:%M:%S}", expert="dear", status="failed",
               error_code="expert_timed_out"),
    ]  # fmt: skip
    await store(filled.engine, *lately)
    dear = await viewer.coe.overview.expert("dear")
    assert (dear.health, dear.version, dear.priced, dear.tags) == ("ok", 1, True, ["best"])
    assert (dear.hour.requests, dear.hour.calls, dear.hour.error_share) == (1, 1, 0.0)
    assert (dear.day.requests, dear.day.failed_calls, dear.day.error_share) == (2, 1, 0.5)
    assert (dear.day.cost_usd, dear.day.tokens_per_second) == (1.0, 100.0)
    assert dear.hour.first_token_ms.p50 == pytest.approx(200.0, rel=0.1)
    assert dear.last_error is not None
    assert dear.last_error.code == "expert_timed_out"
    assert [one.breaker for one in dear.endpoints] == ["closed"]
    with pytest.raises(NotFoundError):
        await viewer.coe.overview.expert("nobody")


async def test_experts_are_searched_and_sorted(filled: Desk, viewer: Caller) -> None:
    async def ids(**search: Any) -> list[str]:
        return [one.id async for one in viewer.coe.overview.experts(**search)]

    assert await ids() == ["dear", "echo", "free"]
    assert await ids(sort="-name", page_size=1) == ["free", "echo", "dear"]
    assert await ids(q="DEAR o") == ["dear"]
    assert await ids(tag="best") == await ids(provider="scripted", q="m") == ["dear"]
    for sort in ("-requests", "-cost", "-errors", "-latency"):
        assert (await ids(sort=sort))[0] == "dear"
        assert (await ids(sort=sort[1:]))[-1] == "dear"
    health = filled.services.breakers.health
    replica = health.fleet(filled.services.catalogue.current.experts["free"]).replicas[0]
    replica.breaker.open(health.clock(), health.clock() + 60, "expert_timed_out")
    page = await viewer.coe.overview.experts_page(health="down")
    assert (page.total, [one.id for one in page.data]) == (1, ["free"])
    assert page.data[0].problem == "No endpoint takes calls (expert_timed_out)."
    assert page.data[0].endpoints[0].until is not None
    told = (await viewer.coe.overview.get()).attention[0]
    assert (told.kind, told.link.id) == ("breaker_open", "free")
    health.reset("free")
