"""Strategies that operators assign to categories, over the whole service in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response
from openai import AsyncOpenAI
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.catalogue.expert import Expert
from orchestrator.app import create_app
from orchestrator.assignments.service import Assignments
from orchestrator.bootstrap import Services, open_services
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from router import Category, HashingEmbedder, Taxonomy, build_router

PATH = "/admin/api/strategies"
ROUTER = build_router(
    Taxonomy((Category("general", "General", "Everything."),)), HashingEmbedder(), name="test"
)
SCRIPT = {"replies": {"VERDICT": "VERDICT: CORRECT"}, "text": "It comes to 129."}
ASKED: dict[str, Any] = {"model": "coe", "messages": [{"role": "user", "content": "Add it up."}]}


@pytest.fixture
async def services(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(Settings(data_dir=tmp_path), urls, ROUTER, {}) as services:
        entry = {"id": "ada", "provider": "scripted", "parameters": {"script": SCRIPT}}
        await services.catalogue.create(Expert.model_validate(entry), by="test")
        yield services


async def client_of(services: Services, role: Role, tenant: str = "default") -> AsyncClient:
    _, key = await services.keys.create(name="x", role=role, tenant=tenant, created_by="test")
    return AsyncClient(
        transport=ASGITransport(create_app(services), raise_app_exceptions=False),
        base_url="http://test",
        headers={"authorization": f"Bearer {key}"},
    )


@pytest.fixture
async def admin(services: Services) -> AsyncClient:
    return await client_of(services, Role.ADMIN)


async def ask(client: AsyncClient, **more: Any) -> Response:
    answer = await client.post("/v1/chat/completions", json={**ASKED, **more})
    assert answer.status_code == 200, answer.text
    return answer


async def assign(client: AsyncClient, strategy: str, **scope: str) -> dict[str, Any]:
    answer = await client.put(f"{PATH}/assignments", json={"strategy": strategy, **scope})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_nothing_is_assigned_to_begin_with(admin: AsyncClient) -> None:
    assert (await admin.get(f"{PATH}/assignments")).json()["data"] == []
    headers = (await ask(admin)).headers
    assert headers["x-coe-expert"] == "ada"
    assert "x-coe-strategy" not in headers


async def test_a_strategy_answers_what_it_is_assigned_to(
    services: Services, admin: AsyncClient
) -> None:
    made = await assign(admin, "guide", category="general", policy="quality")
    assert "x-coe-strategy" not in (await ask(admin)).headers
    answer = await ask(admin, model="coe-quality", coe={"explain": True})
    assert answer.headers["x-coe-strategy"] == "guide"
    assert answer.headers["x-coe-policy"] == "quality"
    assert [step["key"] for step in answer.json()["coe"]["steps"]][:2] == ["guide", "follow"]
    path = f"/admin/api/usage/{answer.headers['x-coe-request-id']}"
    await services.drain.flush()
    assert (await admin.get(path)).json()["decision"]["strategy"] == "guide"
    assert (await ask(admin, model="ada")).headers["x-coe-expert"] == "ada"
    assert (await ask(admin, model="coe-direct")).headers["x-coe-strategy"] == "direct"

    changed = await assign(admin, "correct", category="general", policy="quality")
    assert changed["id"] == made["id"]
    headers = (await ask(admin, model="coe-quality", stream=True)).headers
    assert headers["x-coe-strategy"] == "correct"
    deleted = await admin.delete(f"{PATH}/assignments/{made['id']}")
    assert deleted.status_code == 204
    assert "x-coe-strategy" not in (await ask(admin, model="coe-quality")).headers
    assert (await admin.delete(f"{PATH}/assignments/{made['id']}")).status_code == 404


async def test_the_closest_assignment_holds(services: Services, admin: AsyncClient) -> None:
    await assign(admin, "auto")
    await assign(admin, "direct", category="general")
    await assign(admin, "guide", tenant="acme")
    theirs = await client_of(services, Role.USER, "acme")
    assert (await ask(theirs)).headers["x-coe-strategy"] == "guide"
    assert (await ask(admin)).headers["x-coe-expert"] == "ada"
    listed = (await admin.get(f"{PATH}/assignments", params={"limit": 2})).json()
    assert [each["strategy"] for each in listed["data"]] == ["auto", "direct"]
    after = {"limit": 2, "after": listed["next"]}
    rest = (await admin.get(f"{PATH}/assignments", params=after)).json()
    assert ([each["tenant"] for each in rest["data"]], rest["has_more"]) == (["acme"], False)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"n": 2}, "n"),
        ({"stop": ["x"]}, "stop"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"coe": {"quality_floor": 0.1}}, "coe.quality_floor"),
    ],
)
async def test_what_a_strategy_cannot_take_goes_to_one_expert_and_says_so(
    services: Services, admin: AsyncClient, more: dict[str, Any], reason: str
) -> None:
    capable = {"id": "bo", "provider": "scripted", "capabilities": ["json", "tools", "streaming"],
               "parameters": {"script": SCRIPT}}  # fmt: skip
    await services.catalogue.create(Expert.model_validate(capable), by="test")
    await assign(admin, "conductor")
    for stream in (False, True):
        headers = (await ask(admin, stream=stream, **more)).headers
        assert headers["x-coe-strategy-unused"] == f"conductor; reason={reason}"
        assert "x-coe-strategy" not in headers


@pytest.mark.parametrize("stream", [False, True])
async def test_a_limit_of_tokens_cuts_the_answer_off(admin: AsyncClient, stream: bool) -> None:
    await assign(admin, "direct", category="general")  # which is no strategy but one expert
    assert "x-coe-strategy" not in (await ask(admin, max_tokens=2)).headers
    await assign(admin, "conductor", category="general")
    cut = await ask(admin, max_completion_tokens=2, stream=stream)
    assert cut.headers["x-coe-strategy"] == "conductor"
    assert "129" not in cut.text.partition('"content":"It')[2]
    assert '"finish_reason":"length"' in cut.text
    whole = await ask(admin, max_tokens=200, stream=stream)
    assert "It comes to 129." in whole.text
    assert '"finish_reason":"stop"' in whole.text
    message = {key: ASKED[key] for key in ("model", "messages")} | {"max_tokens": 2}
    told = await admin.post("/v1/messages", json={**message, "stream": stream})
    assert told.headers["x-coe-strategy"] == "conductor"
    assert '"stop_reason":"max_tokens"' in told.text
    wrong = await admin.post("/v1/chat/completions", json={**ASKED, "max_tokens": 0})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "max_tokens")


async def test_route_names_the_strategy_that_would_answer(admin: AsyncClient) -> None:
    async def route(**more: Any) -> tuple[str | None, str | None]:
        answer = await admin.post("/v1/route", json={"input": "Add it up.", **more})
        assert answer.status_code == 200, answer.text
        assert answer.json()["expert"] == "ada"
        return answer.json()["strategy"], answer.json()["strategy_reason"]

    assert await route() == (None, None)
    assert await route(model="coe-cascade") == ("cascade", "The request names it.")
    await assign(admin, "guide", category="general", policy="quality")
    assert await route() == (None, None)
    to = "guide is assigned to category general, policy quality"
    assert await route(model="coe-quality", max_tokens=9) == ("guide", f"{to}.")
    tools = [{"type": "function", "function": {"name": "f"}}]
    capable = await admin.post("/v1/route", json={**ASKED, "model": "coe-cascade", "tools": tools})
    assert (capable.status_code, capable.json()["error"]["param"]) == (400, "tools")
    ignored = f"{to}, and does not heed 'stop'."
    assert await route(model="coe-quality", stop=["x"]) == (None, ignored)
    await assign(admin, "auto")
    assert await route() == ("auto", "auto is assigned to all requests.")


async def test_openais_client_sees_an_ordinary_answer(admin: AsyncClient) -> None:
    await assign(admin, "auto")
    key = admin.headers["authorization"].removeprefix("Bearer ")
    openai = AsyncOpenAI(base_url="http://test/v1", api_key=key, http_client=admin)
    said = await openai.chat.completions.create(**ASKED)
    assert said.choices[0].message.content == "It comes to 129."


async def test_another_replica_follows_within_a_second(
    services: Services, admin: AsyncClient, postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = services.settings.model_copy(update={"data_dir": tmp_path})
    urls = StoreUrls(postgres_url, redis_url, exclusive=False)
    async with open_services(settings, urls, ROUTER, {}) as other:
        await assign(admin, "panel")
        deadline = time.monotonic() + 1.0
        scope = ("*", "*", "*")
        while other.assignments.find("default", "balanced", "general") != ("panel", scope):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"strategy": "prayer"}, "strategy", "unknown_strategy"),
        ({"strategy": "auto", "policy": "mine"}, "policy", "invalid_request"),
        ({"strategy": "auto", "category": "mine"}, "category", "unknown_category"),
        ({"strategy": "auto", "tenant": "A B"}, "tenant", "invalid_request"),
        ({"strategy": "auto", "for": "me"}, "for", "invalid_request"),
    ],
)
async def test_what_could_have_no_effect_is_refused(
    admin: AsyncClient, body: dict[str, str], param: str, code: str
) -> None:
    answer = await admin.put(f"{PATH}/assignments", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, code)


async def test_who_may_do_what(services: Services) -> None:
    body = {"strategy": "auto"}
    viewer = await client_of(services, Role.VIEWER)
    assert (await viewer.put(f"{PATH}/assignments", json=body)).status_code == 403
    assert (await viewer.delete(f"{PATH}/assignments/x")).status_code == 403
    listed = (await viewer.get(PATH)).json()["data"]
    assert [each["name"] for each in listed] == list(STRATEGIES)
    assert all(each["picture"].count("conclude") for each in listed)
    user = await client_of(services, Role.USER)
    assert (await user.get(PATH)).status_code == 403
    assert (await user.get(f"{PATH}/assignments")).status_code == 403


async def test_a_strategy_of_a_newer_release_is_as_good_as_none(
    engine: AsyncEngine, admin: AsyncClient
) -> None:
    del admin

    async def announce(topic: str) -> None:
        del topic

    kept = Assignments(engine, announce)
    scope = {"tenant": "*", "policy": "*", "category": "*"}
    await kept.put(**scope, strategy="of tomorrow", by="test")
    assert kept.find("default", "balanced", "general") is None
