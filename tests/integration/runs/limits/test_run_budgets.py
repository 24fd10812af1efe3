"""What runs may cost: reserved while they are open, settled when they end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from httpx import AsyncClient

from experts.providers.scripted_server import ScriptedServer
from orchestrator.kit.errors import ApiError
from orchestrator.kit.ids import new_request_id
from orchestrator.runs.record import RunRequest
from orchestrator.tenants.keys import Principal
from tests.integration.runs.conftest import MakeWorker, Place, ten_steps

AddExpert = Callable[..., Awaitable[ScriptedServer]]
TENANT = "/admin/api/limits/tenants/default"


async def limit(place: Place, **limits: float) -> None:
    answer = await place.client.put(TENANT, json=limits)
    assert answer.status_code == 200, answer.text


async def today(client: AsyncClient) -> tuple[float, float]:
    """Return what is spent and reserved of the day's budget."""
    view = (await client.get(TENANT)).json()
    [use] = [use for use in view["use"] if use["limit"] == "usd_per_day"]
    return use["used"], use["reserved"]


@pytest.fixture
async def _anybody(add_expert: AddExpert) -> None:
    await add_expert({"replies": {}})


@pytest.mark.usefixtures("_anybody")
async def test_open_runs_reserve_what_they_may_cost_or_what_is_left(place: Place) -> None:
    await limit(place, usd_per_day=1.5)
    first = await place.start(strategy="direct", limits={"usd": 1.0})
    second = await place.start(strategy="direct", limits={"usd": 1.0})
    assert await today(place.client) == (0, 1.5)
    stored = [
        await place.services.runs.service.get(*who) for who in await _of(place, first, second)
    ]
    assert [row["request"]["limits"]["usd"] for row, _, _ in stored] == [1.0, 0.5]
    refused = await place.client.post("/v1/runs", json={"task": "More.", "strategy": "direct"})
    assert refused.status_code == 402
    assert refused.json()["error"]["code"] == "budget_exceeded"
    # One that never began gives all of it back.
    cancelled = await place.client.post(f"/v1/runs/{first}/cancel")
    assert cancelled.status_code == 202
    assert await today(place.client) == (0, 0.5)


async def _of(place: Place, *run_ids: str) -> list[tuple[Principal, str]]:
    key = place.client.headers["authorization"].removeprefix("Bearer ")
    principal = place.services.keys.find(key)
    assert principal is not None
    return [(principal, run_id) for run_id in run_ids]


async def test_a_run_that_ends_is_settled_by_what_it_cost(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    await add_expert(ten_steps())
    await limit(place, usd_per_day=10)
    await make_worker()
    run = await place.until(await place.start(limits={"usd": 1.0}))
    assert run["status"] == "finished"
    assert run["spent"]["usd"] > 0
    spent, reserved = await today(place.client)
    assert spent == pytest.approx(run["spent"]["usd"], abs=1e-9)
    assert reserved == 0


async def test_a_run_that_waits_keeps_its_reservation(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.tenants.limits.limiter.LEASE_MS", 400)
    monkeypatch.setattr("orchestrator.runs.budget._RENEW_SECONDS", 0.1)
    await add_expert(ten_steps())
    await limit(place, usd_per_day=10)
    work = await make_worker()
    run_id = await place.start(limits={"usd": 1.0}, approval=["expert"])
    await place.until(run_id, "waiting")
    budgets = work.services.runs.service.budgets
    # Redis loses it, and the next look makes it anew.
    key = "coe:limits:{default}"
    await place.services.redis.delete(key, f"{key}:held", f"{key}:due")
    await work.services.limits.refresh()
    await budgets.renew()
    assert await today(place.client) == (0, 1.0)


@pytest.mark.usefixtures("_anybody")
async def test_a_run_that_cannot_be_stored_reserves_nothing(place: Place) -> None:
    await limit(place, usd_per_day=5)
    body = {"task": "Add.", "strategy": "direct", "webhook": "hook_none"}
    assert (await place.client.post("/v1/runs", json=body)).status_code == 400
    assert await today(place.client) == (0, 0)


async def test_only_so_many_runs_of_a_tenant_are_open_at_once(place: Place) -> None:
    service = place.services.runs.service
    bounded = replace(service, budgets=replace(service.budgets, most_open=3))
    [(principal, _)] = await _of(place, "")
    request = RunRequest(messages=({"role": "user", "content": "Add."},), policy="balanced")
    starting = [
        bounded.start(principal, new_request_id(), "direct", request, {}, None) for _ in range(8)
    ]
    started = await asyncio.gather(*starting, return_exceptions=True)
    refused = [each for each in started if isinstance(each, ApiError)]
    assert {(error.status, error.code) for error in refused} == {(429, "too_many_runs")}
    assert len(started) - len(refused) == 3
    open_one = next(each for each in started if isinstance(each, dict))
    await bounded.cancel(principal, open_one["id"])
    assert await bounded.start(principal, new_request_id(), "direct", request, {}, None)
