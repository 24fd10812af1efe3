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
from orchestrator.kit.slots import beside_usage
from orchestrator.runs.record import RunRequest
from orchestrator.runs.service import Started
from orchestrator.tenants.keys import Principal
from tests.integration.runs.conftest import MakeWorker, Place, eventually, ten_steps

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
    keys = beside_usage("limits", "default"), beside_usage("due", "default")
    assert await place.services.redis.delete(*keys) == 2
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
    open_one = next(each for each in started if isinstance(each, Started))
    await bounded.cancel(principal, open_one.row["id"])
    assert await bounded.start(principal, new_request_id(), "direct", request, {}, None)


async def rates(client: AsyncClient) -> dict[str, float]:
    """Return what is used of the tenant's limits."""
    return {use["limit"]: use["used"] for use in (await client.get(TENANT)).json()["use"]}


async def settled(place: Place, expected: dict[str, float]) -> None:
    """Wait until so much is counted: a moment after the run has ended."""
    for _ in range(100):
        if (found := await rates(place.client)) == expected:
            return
        await asyncio.sleep(0.01)
    assert found == expected


async def test_a_run_says_what_is_left_and_its_tokens_count(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    await add_expert(ten_steps())
    await limit(place, requests_per_minute=10, tokens_per_minute=100_000)
    await make_worker()
    answer = await place.client.post("/v1/runs", json={"task": "Add it all up."})
    assert answer.status_code == 202
    assert answer.headers["x-ratelimit-remaining-requests"] == "9"
    left = int(answer.headers["x-ratelimit-remaining-tokens"])
    assert 99_900 < left < 100_000  # what it is asked is counted already
    run = await place.until(answer.json()["id"])
    used = run["spent"]["prompt_tokens"] + run["spent"]["completion_tokens"]
    await settled(place, {"requests_per_minute": 1, "tokens_per_minute": used})
    body = {"from_step": run["steps"][1]["key"]}
    again = await place.client.post(f"/v1/runs/{run['id']}/replay", json=body)
    assert again.status_code == 202, again.text
    assert again.headers["x-ratelimit-remaining-requests"] == "8"


async def test_tokens_of_a_run_count_while_it_goes_on(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    await add_expert(ten_steps())
    await limit(place, tokens_per_minute=100_000)
    work = await make_worker()
    run_id = await place.start(approval=["verify"])
    await place.until(run_id, "waiting")
    before = (await rates(place.client))["tokens_per_minute"]
    budgets = work.services.runs.service.budgets
    await work.services.limits.refresh()
    assert await budgets.renew() == 0
    run = await place.run(run_id)
    used = run["spent"]["prompt_tokens"] + run["spent"]["completion_tokens"]
    assert before < used == (await rates(place.client))["tokens_per_minute"]
    await budgets.renew()  # counted once
    assert used == (await rates(place.client))["tokens_per_minute"]


@pytest.mark.parametrize("end", ["cancelled", "resumed"])
async def test_a_call_that_is_given_up_is_paid_for(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert, end: str
) -> None:
    """The vendor has had the prompt read, and half an answer written."""
    words = " ".join(["word"] * 20)
    server = await add_expert(f"pace:0.03|fixed:{words}", capabilities=["streaming"])
    await limit(place, usd_per_day=10)
    work = await make_worker(takes=False)
    run_id = await place.start(strategy="direct", limits={"usd": 1.0})
    await work.runner.offer(run_id)
    await eventually(lambda: server.ledger.pieces >= 5)
    if end == "cancelled":
        await place.client.post(f"/v1/runs/{run_id}/cancel")
    else:
        await work.runner.stop()
        other = await make_worker(takes=False)
        await other.runner.offer(run_id)
    run = await place.until(run_id)
    usage = (await place.client.get(f"/admin/api/usage/{run['request_id']}")).json()
    nanos = 1_000 * usage["prompt_tokens"] + 2_000 * usage["completion_tokens"]
    assert round(usage["cost_usd"] * 1e9) == nanos
    assert (usage["status"], usage["tokens_estimated"]) == (
        ("cancelled", True) if end == "cancelled" else ("ok", True)
    )
    calls = 1 if end == "cancelled" else 2
    assert len(server.ledger.requests) == calls
    assert usage["prompt_tokens"] >= calls * 5
    assert usage["completion_tokens"] > (20 if end == "resumed" else 2)
    assert (run["spent"]["prompt_tokens"], round(run["spent"]["usd"] * 1e9)) == (
        usage["prompt_tokens"], nanos,
    )  # fmt: skip
    await settled(place, {"usd_per_day": nanos / 1e9})
    assert (await today(place.client))[1] == 0
