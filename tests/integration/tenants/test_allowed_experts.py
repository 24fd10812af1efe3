"""Keys that only some experts may answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response

from coe_client import AsyncCoe, BadRequestError, NotFoundError, PermissionDeniedError
from experts.catalogue.expert import Expert
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from router import Category, HashingEmbedder, Taxonomy, build_router

ROUTER = build_router(
    Taxonomy((Category("math", "Mathematics", "Sums."), Category("general", "General", "All."))),
    HashingEmbedder(),
    name="test",
)
POLICIES = {"coe", "coe-quality", "coe-balanced", "coe-economy"}


@pytest.fixture
async def services(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(Settings(data_dir=tmp_path), urls, ROUTER, {}) as services:
        for name in ("ada", "bo", "cy"):
            tags = frozenset({"math", "general"} if name == "ada" else ())
            expert = Expert(id=name, provider="scripted", model="echo", tags=tags)
            await services.catalogue.create(expert, by="test")
        yield services


@pytest.fixture
async def http(services: Services) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(create_app(services), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def admin(services: Services, http: AsyncClient) -> AsyncCoe:
    _, key = await services.keys.create(name="admin", role=Role.ADMIN, created_by="test")
    return AsyncCoe(base_url="http://test", api_key=key, http_client=http)


def error_of(response: Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


async def post(http: AsyncClient, key: str, path: str, **body: Any) -> Response:
    return await http.post(path, json=body, headers={"authorization": f"Bearer {key}"})


async def ask(http: AsyncClient, key: str, model: str) -> Response:
    messages = [{"role": "user", "content": "one and one"}]
    return await post(http, key, "/v1/chat/completions", model=model, messages=messages)


async def experts_listed(coe: AsyncCoe) -> set[str]:
    return {model.id async for model in coe.models.list() if model.coe.kind == "expert"}


async def test_routed_requests_go_to_those_that_may_answer(
    admin: AsyncCoe, http: AsyncClient
) -> None:
    free = (await admin.keys.create("free")).key
    assert (await ask(http, free, "coe-quality")).headers["x-coe-expert"] == "ada"
    made = await admin.keys.create("bound", experts=["cy", "bo", "bo", "to-come"])
    assert made.experts == ["bo", "cy", "to-come"]
    for policy in sorted(POLICIES):
        answer = await ask(http, made.key, policy)
        assert answer.status_code == 200
        assert answer.headers["x-coe-expert"] in {"bo", "cy"}
    decision = (await post(http, made.key, "/v1/route", input="one and one")).json()
    assert sorted(decision["ranked"]) == ["bo", "cy"]
    assert {v["id"]: v["excluded"] for v in decision["candidates"]}["ada"] == "not_allowed"


async def test_named_experts_are_refused_alike_whether_they_exist_or_not(
    admin: AsyncCoe, http: AsyncClient
) -> None:
    made = await admin.keys.create("bound", experts=["bo"])
    assert (await ask(http, made.key, "bo")).status_code == 200
    there, gone = [error_of(await ask(http, made.key, name), 403) for name in ("ada", "nobody")]
    assert (there["code"], there["param"]) == ("expert_not_allowed", "model")
    assert {**there, "request_id": None} == {**gone, "request_id": None}
    bound = AsyncCoe(base_url="http://test", api_key=made.key, http_client=http)
    with pytest.raises(PermissionDeniedError):
        await bound.chat.create("one and one", model="ada")


async def test_models_are_those_that_may_be_used(admin: AsyncCoe, http: AsyncClient) -> None:
    made = await admin.keys.create("bound", experts=["bo", "to-come"])
    bound = AsyncCoe(base_url="http://test", api_key=made.key, http_client=http)
    assert await experts_listed(bound) == {"bo"}
    assert {model.id async for model in bound.models.list()} >= POLICIES
    assert (await bound.models.get("bo")).id == "bo"
    with pytest.raises(NotFoundError):
        await bound.models.get("ada")
    assert await experts_listed(admin) == {"ada", "bo", "cy"}


async def test_it_is_changed_at_once_and_taken_back(
    admin: AsyncCoe, http: AsyncClient, services: Services
) -> None:
    made = await admin.keys.create("a key")
    assert made.experts is None
    assert (await admin.keys.allow(made.id, ["bo"])).experts == ["bo"]
    assert (await ask(http, made.key, "coe-quality")).headers["x-coe-expert"] == "bo"
    await services.keys.refresh()
    assert error_of(await ask(http, made.key, "ada"), 403)
    assert [key.experts async for key in admin.keys.list() if key.id == made.id] == [["bo"]]
    assert (await admin.keys.allow(made.id, None)).experts is None
    assert (await ask(http, made.key, "coe-quality")).headers["x-coe-expert"] == "ada"
    await admin.keys.revoke(made.id)
    for key_id in (made.id, "key_nobody", "\x00"):
        with pytest.raises(NotFoundError):
            await admin.keys.allow(key_id, ["bo"])


async def test_where_none_of_them_is_in_service_nobody_answers(
    admin: AsyncCoe, http: AsyncClient
) -> None:
    made = await admin.keys.create("bound", experts=["to-come"])
    refused = error_of(await ask(http, made.key, "coe"), 503)
    assert refused["code"] == "no_eligible_expert"


@pytest.mark.parametrize(
    "experts", [[], [""], ["A B"], ["\x00"], ["bo", 1], ["x" * 65], ["a"] * 1001]
)
async def test_what_is_no_list_of_experts(admin: AsyncCoe, experts: Any) -> None:
    with pytest.raises(BadRequestError):
        await admin.keys.create("x", experts=experts)
    made = await admin.keys.create("y")
    with pytest.raises(BadRequestError):
        await admin.keys.allow(made.id, experts)


async def test_only_admins_change_keys(services: Services, http: AsyncClient) -> None:
    for role in Role:
        _, key = await services.keys.create(name=role, role=role, created_by="test")
        answer = await http.patch(
            "/admin/api/keys/none",
            json={"experts": None},
            headers={"authorization": f"Bearer {key}"},
        )
        assert answer.status_code == (404 if role is Role.ADMIN else 403)
