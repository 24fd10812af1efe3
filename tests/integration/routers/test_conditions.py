"""What decisions depend on beside catalogue and router: latency, health, chance, memory, budgets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from httpx import Response

from coe_client import AsyncCoe
from experts.catalogue.expert import Expert
from orchestrator.kit.ids import new_request_id
from orchestrator.routers.latency import LatencyWatch, steadied
from orchestrator.tenants.keys import Role
from orchestrator.usage.record import UsageRecord
from orchestrator.usage.repository import ensure_partitions, insert_records
from router import Budget, Policy, build_router
from tests.integration.routers.conftest import (
    BUILT_IN,
    MakeReplica,
    Replica,
    artifact_bytes,
    build,
)


async def ask(replica: Replica, text: str = "one and one", **fields: Any) -> Response:
    body = {"model": "coe", "messages": [{"role": "user", "content": text}], **fields}
    return await replica.client.post("/v1/chat/completions", json=body)


async def route(replica: Replica, **fields: Any) -> dict[str, Any]:
    answer = await replica.client.post("/v1/route", json={"input": "one and one", **fields})
    assert answer.status_code == 200, answer.text
    decision: dict[str, Any] = answer.json()
    return decision


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not await check():  # noqa: ASYNC110 (what it waits for is in another room)
            await asyncio.sleep(0.01)


def entry(name: str, **fields: Any) -> Expert:
    return Expert(id=name, provider="scripted", model=fields.pop("model", "echo"), **fields)


# Latency


async def used(replica: Replica, expert: str, milliseconds: list[float], **more: Any) -> None:
    fields = {"tenant": "default", "key_id": "k", "api": "chat.completions", "model": "coe"}
    records = [
        UsageRecord(
            **{"status": "ok", **fields, **more},
            request_id=new_request_id(),
            expert=expert,
            duration_ms=duration,
        )
        for duration in milliseconds
    ]
    async with replica.services.engine.begin() as connection:
        await ensure_partitions(connection, [datetime.now(UTC).date()])
        await insert_records(connection, records)


async def test_latency_is_the_median_of_what_was_answered(replica: Replica) -> None:
    services = replica.services
    watch = LatencyWatch(services.engine, services.catalogue, least=5)
    await used(replica, "ada", [100.0, 200.0, 300.0, 9_000.0, 50.0])
    await used(replica, "ada", [50_000.0] * 20, status="failed")
    await used(replica, "bo", [1.0] * 4)  # too few to know
    await watch.refresh()
    views = {view["id"]: view["latency"] for view in (await route(replica))["candidates"]}
    assert views == {"ada": 0.2, "bo": None}
    # And so a limit means something.
    decision = await route(replica, coe={"max_latency": 0.1})
    assert {v["id"]: v["excluded"] for v in decision["candidates"]}["ada"] == "max_latency"
    assert decision["expert"] == "bo"
    # A new catalogue keeps what is known, and a new router does, too.
    await services.catalogue.create(entry("cy"), by="test")
    stored, _ = await services.routers.add(artifact_bytes("new"), by="test")
    await services.routers.promote(stored.id, by="test")
    views = {view["id"]: view["latency"] for view in (await route(replica))["candidates"]}
    assert views == {"ada": 0.2, "bo": None, "cy": None}


async def test_the_latest_answers_count_and_little_drift_changes_nothing(replica: Replica) -> None:
    services = replica.services
    watch = LatencyWatch(services.engine, services.catalogue, least=5)
    await used(replica, "ada", [100.0] * 5)
    await watch.refresh()
    before = services.catalogue.current
    await used(replica, "ada", [108.0] * 20)
    await watch.refresh()
    assert services.catalogue.current is before
    await used(replica, "ada", [200.0] * 30)
    await watch.refresh()
    after = services.catalogue.current
    assert (after.revision, after.measured) == (before.revision, before.measured + 1)
    assert {c.id: c.latency for c in after.candidates}["ada"] == 0.2


def test_latencies_are_steady() -> None:
    known = {"a": 1.0, "b": 2.0, "gone": 3.0}
    assert steadied(known, {"a": 1.05, "b": 3.0, "c": 0.123456}) == {"a": 1.0, "b": 3.0, "c": 0.123}


async def test_what_must_be_in_memory_reaches_the_router(replica: Replica) -> None:
    await replica.services.catalogue.create(
        entry("moe", active_parameters=3.0, total_parameters=30.0), by="test"
    )
    found = {c.id: c.total_parameters for c in replica.services.catalogue.current.candidates}
    assert found == {"ada": None, "bo": None, "moe": 30.0}


# Health


async def test_one_that_keeps_failing_is_left_alone_and_tried_when_no_other_can(
    replica: Replica,
) -> None:
    catalogue = replica.services.catalogue
    tagged = entry("cy", model="fail:500", tags=frozenset({"math", "general"}))
    await catalogue.create(tagged, by="test")
    assert (await route(replica, model="coe-quality"))["expert"] == "cy"
    for _ in range(10):
        answer = await ask(replica, model="coe-quality")
        assert answer.status_code == 200
        assert answer.headers["x-coe-expert"] != "cy"
        if "x-coe-attempts" not in answer.headers:
            break
    assert "x-coe-attempts" not in answer.headers
    decision = await route(replica, model="coe-quality")
    assert {v["id"]: v["excluded"] for v in decision["candidates"]}["cy"] == "unhealthy"
    assert (await replica.client.get("/admin/api/router")).json()["down"] == ["cy"]
    # Who names it still gets it, and where no other is left it is tried.
    assert (await ask(replica, model="cy")).status_code == 502
    for name in ("ada", "bo"):
        await catalogue.retire(name, by="test")
    decision = await route(replica)
    assert decision["expert"] == "cy"
    assert "seems to be down" in decision["reason"]
    # A new entry is a new chance.
    await catalogue.create(entry("ada"), by="test")
    await catalogue.update(tagged.model_copy(update={"model": "echo"}), by="test")
    assert (await route(replica, model="coe-quality"))["expert"] == "cy"


async def test_a_shadow_sees_who_is_down_as_well(replica: Replica) -> None:
    services = replica.services
    tagged = entry("cy", model="fail:500", tags=frozenset({"math", "law", "general"}))
    await services.catalogue.create(tagged, by="test")
    stored, _ = await services.routers.add(artifact_bytes("shadow"), by="test")
    while "cy" not in services.router.down:
        assert (await ask(replica, model="cy")).status_code == 502
    await services.routers.shadow(stored.id, 1.0, by="test")
    assert (await ask(replica)).status_code == 200
    await services.shadows.flush()
    compared = await services.routers.comparison(stored.id)
    assert compared.n == 1
    assert all(move.expert != "cy" for move in compared.moves)


# Exploration


async def test_a_share_of_requests_explores_and_says_so(make_replica: MakeReplica) -> None:
    replica = await make_replica(exploration=0.2)
    key = replica.client.headers["authorization"].removeprefix("Bearer ")
    coe = AsyncCoe(base_url="http://test", api_key=key, http_client=replica.client)
    stored, _ = await replica.services.routers.add(artifact_bytes("shadow"), by="test")
    await replica.services.routers.shadow(stored.id, 1.0, by="test")
    asked = [await ask(replica) for _ in range(60)]
    await replica.services.drain.flush()
    records = [await coe.usage.get(answer.headers["x-coe-request-id"]) for answer in asked]
    rules = [record.decision.rule for record in records if record.decision]
    explored = rules.count("exploration")
    assert len(rules) == 60
    assert 1 <= explored <= 30
    usual = {r.expert for r in records if r.decision and r.decision.rule != "exploration"}
    others = {r.expert for r in records if r.decision and r.decision.rule == "exploration"}
    assert not usual & others
    await replica.services.shadows.flush()
    assert (await coe.routers.comparison(stored.id)).n == 60 - explored
    # What decides later explores as well.
    await replica.services.routers.promote(stored.id, by="test")
    assert replica.services.router.router.exploration == 0.2
    await replica.services.routers.rollback(by="test")
    assert replica.services.router.router.exploration == 0.2


# Memory


async def say(replica: Replica, answer: Response, rating: float) -> None:
    body = {"request_id": answer.headers["x-coe-request-id"], "rating": rating}
    given = await replica.client.post("/v1/feedback", json=body)
    assert given.status_code == 200, given.text


async def test_ratings_are_remembered_and_change_who_answers(make_replica: MakeReplica) -> None:
    replica = await make_replica(memory=100)
    outcomes = replica.services.outcomes
    usual = (await route(replica, input="sums of odd numbers"))["expert"]
    for _ in range(12):
        answer = await ask(replica, "sums of odd numbers")
        await say(replica, answer, -1 if answer.headers["x-coe-expert"] == usual else 1)

    async def remembered() -> bool:
        memory = outcomes.of("default")
        return memory is not None and len(memory.outcomes) >= 12

    await eventually(remembered)
    decision = await route(replica, input="sums of odd numbers")
    assert decision["rule"] == "memory"
    assert decision["expert"] != usual
    assert "what became of similar requests" in decision["reason"]
    assert (await route(replica, input="a letter to my landlord"))["rule"] != "memory"
    # Another tenant's requests are none of it.
    _, key = await replica.services.keys.create(
        name="x", role=Role.USER, tenant="other", created_by="test"
    )
    theirs = await replica.client.post(
        "/v1/route",
        json={"input": "sums of odd numbers"},
        headers={"authorization": f"Bearer {key}"},
    )
    assert theirs.json()["rule"] != "memory"


async def test_a_rating_reaches_the_process_that_decided(make_replica: MakeReplica) -> None:
    one, two = await make_replica(memory=100), await make_replica(memory=100)
    answer = await ask(one)

    async def remembered() -> bool:
        await say(two, answer, 1)
        return one.services.outcomes.of("default") is not None

    await eventually(remembered)
    assert two.services.outcomes.of("default") is None
    # Said again, it is not remembered again.
    assert not one.services.outcomes.learn(answer.headers["x-coe-request-id"], 0.0)
    memory = one.services.outcomes.of("default")
    assert memory is not None
    assert len(memory.outcomes) == 1


async def test_what_is_remembered_is_bounded(make_replica: MakeReplica) -> None:
    outcomes = (await make_replica(memory=3)).services.outcomes
    for number in range(10):
        outcomes.asked(f"req_{number}", "one", f"text {number}", "ada")
    assert [outcomes.learn(f"req_{number}", 1.0) for number in range(10)] == [False] * 7 + [
        True
    ] * 3
    for number in range(200):
        outcomes.asked(f"req_{number}", f"tenant-{number}", "text", "ada")
        assert outcomes.learn(f"req_{number}", 1.0)
    kept = [number for number in range(200) if outcomes.of(f"tenant-{number}")]
    assert kept == list(range(136, 200))
    assert outcomes.of("one") is None


async def test_another_embedder_starts_anew(
    make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    from router import HashingEmbedder

    replica = await make_replica(memory=10)
    outcomes = replica.services.outcomes
    outcomes.asked("req_1", "default", "one and one", "ada")
    assert outcomes.learn("req_1", 0.0)
    other = build_router(BUILT_IN.taxonomy, HashingEmbedder(dimensions=64), name="other")
    monkeypatch.setattr("orchestrator.bootstrap.parts.build_from", lambda *_: other)
    stored, _ = await replica.services.routers.add(artifact_bytes("other"), by="test")
    await replica.services.routers.promote(stored.id, by="test")
    assert (await route(replica))["router_version"] == other.version  # vectors of another length
    outcomes.asked("req_2", "default", "one and one", "ada")
    assert outcomes.learn("req_2", 0.0)
    assert (await route(replica))["router_version"] == other.version
    memory = outcomes.of("default")
    assert memory is not None
    assert (memory.embedder, len(memory.outcomes)) == (other.embedder.id, 1)


async def test_nothing_is_remembered_unless_it_is_asked_for(replica: Replica) -> None:
    answer = await ask(replica)
    await say(replica, answer, -1)
    assert replica.services.outcomes.of("default") is None
    assert not replica.services.outcomes.learn(answer.headers["x-coe-request-id"], 0.0)
    assert replica.services.router.router.exploration == 0.0


# Budgets


async def test_a_budget_that_cannot_be_kept_is_seen(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    services = replica.services
    for name, size in (("small", 7.0), ("large", 70.0)):
        await services.catalogue.create(entry(name, active_parameters=size), by="test")
    for name in ("ada", "bo"):
        await services.catalogue.retire(name, by="test")

    def tight(*_: Any) -> Any:
        policy = Policy("balanced", "Small.", budget=Budget(active_parameters=3.0))
        made = build(*_)
        return build_router(
            made.taxonomy,
            made.embedder,
            name="tight",
            policies=(policy, Policy("quality", "", 0.0)),
        )

    monkeypatch.setattr("orchestrator.bootstrap.parts.build_from", tight)
    caplog.set_level(logging.WARNING)
    stored, _ = await services.routers.add(artifact_bytes("tight", experts=("small",)), by="test")
    await services.routers.promote(stored.id, by="test")
    shown = (await replica.client.get("/admin/api/router")).json()["infeasible"]
    assert list(shown) == ["balanced"]
    assert shown["balanced"]["limits"] == [
        {"constraint": "active_parameters", "asked": 3.0, "nearest": 7.0}
    ]
    assert "at least 7 is needed" in shown["balanced"]["message"]
    detail = (await replica.client.get(f"/admin/api/routers/{stored.id}")).json()
    assert detail["infeasible"] == shown
    starter = (await replica.client.get("/admin/api/routers/starter")).json()
    assert starter["infeasible"] is None

    def warnings() -> int:
        return sum("policy balanced" in record.getMessage() for record in caplog.records)

    assert warnings() == 1
    await services.catalogue.measure({"small": 1.0})
    await route(replica)
    assert warnings() == 1
    await services.catalogue.create(entry("new", active_parameters=9.0), by="test")
    assert warnings() == 2
    await services.catalogue.create(entry("tiny", active_parameters=1.0), by="test")
    assert (await replica.client.get("/admin/api/router")).json()["infeasible"] == {}
    assert warnings() == 2
