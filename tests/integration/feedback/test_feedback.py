"""Feedback from the answer to candidate scores, on real stores."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from httpx import ASGITransport, AsyncClient, Response

from coe_client import AsyncCoe, NotFoundError
from experts.catalogue.expert import Expert
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.feedback.tables import feedback
from orchestrator.kit.ids import new_request_id, uuid7
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from orchestrator.usage.tables import request_texts
from router import Category, HashingEmbedder, Taxonomy, build_router, routing_text

PATH = "/v1/feedback"
ADMIN = "/admin/api/feedback"
ROUTER = build_router(
    Taxonomy(
        (
            Category("math", "Mathematics", "Sums, integrals, proofs."),
            Category("general", "General", "Everything else."),
        )
    ),
    HashingEmbedder(),
    name="test",
)


@pytest.fixture
async def services(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    settings = Settings(data_dir=tmp_path)
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(settings, urls, ROUTER, {}) as services:
        for name in ("ada", "bo"):
            expert = Expert(id=name, provider="scripted", model="echo")
            await services.catalogue.create(expert, by="test")
        broken = Expert(id="broken", provider="scripted", model="fail:500")
        await services.catalogue.create(broken, by="test")
        yield services


class Caller:
    """A key with a client."""

    def __init__(self, client: AsyncClient, key: str) -> None:
        self.client = client
        self.headers = {"authorization": f"Bearer {key}"}
        self.coe = AsyncCoe(base_url="http://test", api_key=key, http_client=client)

    async def ask(self, model: str = "coe", text: str = "one and one") -> str:
        """Ask something and return the request's id."""
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]})
        answer = await self.client.post("/v1/chat/completions", content=body, headers=self.headers)
        return answer.headers["x-coe-request-id"]

    async def say(self, request_id: str, **said: Any) -> Response:
        body = {"request_id": request_id, **said}
        return await self.client.post(PATH, json=body, headers=self.headers)


class Callers:
    """Makes callers."""

    def __init__(self, services: Services, client: AsyncClient) -> None:
        self._services, self._client = services, client

    async def make(self, tenant: str = "default", role: Role = Role.USER) -> Caller:
        keys = self._services.keys
        _, key = await keys.create(name="a key", role=role, tenant=tenant, created_by="test")
        return Caller(self._client, key)


@pytest.fixture
async def callers(services: Services) -> AsyncIterator[Callers]:
    transport = ASGITransport(create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Callers(services, client)


def error_of(response: Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["request_id"] == response.headers["x-coe-request-id"]
    return error


async def test_said_right_after_the_answer_and_said_again(
    callers: Callers, services: Services
) -> None:
    user, viewer = await callers.make(), await callers.make(role=Role.VIEWER)
    request = await user.ask()
    first = await user.say(request, rating=1)
    assert first.status_code == 200, first.text
    assert (first.json()["rating"], first.json()["prefers_other"]) == (1.0, False)
    again = (await user.say(request, rating=2, scale="stars", corrected_category="math")).json()
    assert (again["id"], again["rating"]) == (first.json()["id"], -0.5)
    assert again["corrected_category"] == "math"
    listed = [one async for one in viewer.coe.feedback.list()]
    assert [(one.request_id, one.rating, one.tenant) for one in listed] == [
        (request, -0.5, "default")
    ]
    other = await callers.make()
    assert (await other.say(request, rating=0)).status_code == 200
    assert len([one async for one in viewer.coe.feedback.list(page_size=1)]) == 2


async def test_the_same_key_many_times_at_once_is_one_row(
    callers: Callers, services: Services
) -> None:
    user = await callers.make()
    request = await user.ask()
    ratings = [n / 10 for n in range(-10, 11)]
    answers = await asyncio.gather(*(user.say(request, rating=rating) for rating in ratings))
    assert {answer.status_code for answer in answers} == {200}
    async with services.engine.connect() as connection:
        rows = (await connection.execute(sa.select(feedback))).all()
    assert len(rows) == 1
    assert rows[0].rating in ratings


async def test_only_on_requests_of_the_same_tenant(callers: Callers) -> None:
    user, stranger = await callers.make("one"), await callers.make("two")
    request = await user.ask()
    assert (await user.say(request, rating=1)).status_code == 200
    refused = error_of(await stranger.say(request, rating=-1), 404)
    assert (refused["code"], refused["param"]) == ("request_not_found", "request_id")
    assert error_of(await user.client.post(PATH, json={}), 401)
    old = f"req_{uuid7(1_700_000_000_000).hex}"
    for unknown in (old, "req_", "nonsense", "req_" + "z" * 32, "req_" + "f" * 32, "\x00"):
        assert error_of(await user.say(unknown, rating=1), 404)


async def test_a_request_that_never_was_is_waited_for_a_moment_only(callers: Callers) -> None:
    user = await callers.make()
    async with asyncio.timeout(8):
        assert error_of(await user.say(new_request_id(), rating=1), 404)
    with pytest.raises(NotFoundError):
        await user.coe.feedback.give(f"req_{uuid7(1_700_000_000_000).hex}", rating=1)


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({}, None),
        ({"rating": None}, None),
        ({"rating": 1.5}, None),
        ({"rating": 0, "scale": "stars"}, None),
        ({"rating": "1"}, "rating"),
        ({"rating": True}, "rating"),
        ({"rating": 1, "scale": "percent"}, "scale"),
        ({"rating": 1, "stars": 5}, "stars"),
        ({"corrected_category": "alchemy"}, "corrected_category"),
        ({"corrected_category": ""}, "corrected_category"),
        ({"preferred_request": ""}, "preferred_request"),
        ({"preferred_request": "x" * 101}, "preferred_request"),
        ({"preferred_answer": "nul \x00"}, "preferred_answer"),
        ({"preferred_answer": "x" * 100_001}, "preferred_answer"),
    ],
)
async def test_what_is_no_feedback(
    callers: Callers, said: dict[str, Any], param: str | None
) -> None:
    user = await callers.make()
    refused = error_of(await user.say(await user.ask(), **said), 400)
    assert refused["param"] == param
    assert "x" * 1000 not in refused["message"]


async def test_texts_are_stored_only_for_tenants_that_opted_in(callers: Callers) -> None:
    user, admin = await callers.make("one"), await callers.make(role=Role.ADMIN)
    request = await user.ask()
    said = await user.coe.feedback.give(request, preferred_answer="two")
    assert (said.prefers_other, said.answer_stored) == (True, False)
    assert not (await admin.coe.feedback.stores_content("one")).store
    assert (await admin.coe.feedback.store_content("one", store=True)).store
    said = await user.coe.feedback.give(request, preferred_answer="two")
    assert said.answer_stored
    assert [one.preferred_answer async for one in admin.coe.feedback.list()] == ["two"]
    await admin.coe.feedback.store_content("one", store=False)
    listed = [one async for one in admin.coe.feedback.list()]
    assert [(one.preferred_answer, one.prefers_other) for one in listed] == [(None, True)]
    for name in ("nobody", "%00", "ü"):
        path = f"{ADMIN}/content/{name}"
        assert error_of(await admin.client.get(path, headers=admin.headers), 404)


async def test_scores_come_of_feedback_when_asked_and_never_reach_the_router(
    callers: Callers, services: Services
) -> None:
    user, editor = await callers.make(), await callers.make(role=Role.EDITOR)
    decided = (await editor.coe.router.get()).policies
    for rating in (1, 1, -1):
        await user.say(await user.ask(), rating=rating, corrected_category="math")
    named = await user.ask("bo")  # nobody decided, so only a correction gives it a category
    await user.say(named, rating=1)
    failed = await user.ask("broken")
    await user.say(failed, rating=-1, corrected_category="math")
    assert (await editor.coe.feedback.scores()).data == []
    found = (await editor.coe.feedback.compute_scores()).data
    assert [(s.category, s.n, s.source) for s in found] == [("math", 3, "feedback")]
    assert found[0].mean == pytest.approx(2 / 3)
    assert (await editor.coe.feedback.scores()).data == found
    await user.say(named, rating=1, corrected_category="general")
    again = (await editor.coe.feedback.compute_scores(days=1)).data
    assert [(s.category, s.n) for s in again] == [("general", 1), ("math", 3)]
    assert (await editor.coe.router.get()).policies == decided


async def test_scores_computed_twice_at_once(callers: Callers) -> None:
    user, editor = await callers.make(), await callers.make(role=Role.EDITOR)
    await user.say(await user.ask(), rating=1)
    found = await asyncio.gather(*(editor.coe.feedback.compute_scores() for _ in range(5)))
    assert {len(scores.data) for scores in found} == {1}


async def exported(editor: Caller, services: Services) -> list[dict[str, Any]]:
    await services.drain.flush()
    return [json.loads(line) for line in (await editor.coe.feedback.export()).splitlines()]


async def test_prompts_are_exported_with_scores_for_tenants_that_opted_in(
    callers: Callers, services: Services
) -> None:
    user, stranger = await callers.make("one"), await callers.make("two")
    admin = await callers.make(role=Role.ADMIN)
    await user.say(await user.ask(text="asked before"), rating=1)
    assert await exported(admin, services) == []
    await admin.coe.feedback.store_content("one", store=True)
    strange = "a nul \x00 in it"
    first, second = await user.ask("ada"), await user.ask("bo")
    for request, rating in ((first, 1), (second, -0.5), (await user.ask("ada", strange), 0)):
        said = await user.say(request, rating=rating, corrected_category="math")
        assert said.status_code == 200, said.text
    await user.ask(text="never judged")
    await stranger.say(await stranger.ask(text="of another tenant"), rating=1)
    await user.say(await user.ask("broken", "failed"), rating=-1, corrected_category="math")
    rows = {row["prompt"]: row for row in await exported(admin, services)}
    assert list(rows) == ["one and one", "a nul   in it"]
    assert rows["one and one"] == {
        "id": first,
        "prompt": "one and one",
        "requests": 2,
        "category": "math",
        "labelled_by": "caller",
        "scores": {"ada": 1.0, "bo": 0.25},
    }
    # Who opts out again is forgotten, and what is on its way then is not stored.
    await user.say(await user.ask(text="on its way"), rating=1)
    await admin.coe.feedback.store_content("one", store=False)
    assert await exported(admin, services) == []
    async with services.engine.connect() as connection:
        assert (await connection.execute(sa.select(request_texts))).all() == []
    # Nor does its request carry its text any further.
    await user.say(await user.ask(text="afterwards"), rating=1)
    await admin.coe.feedback.store_content("one", store=True)
    assert await exported(admin, services) == []


async def test_what_is_routed_by_is_what_is_stored(callers: Callers, services: Services) -> None:
    user, admin = await callers.make("one"), await callers.make(role=Role.ADMIN)
    await admin.coe.feedback.store_content("one", store=True)
    messages = [
        {"role": "system", "content": "You are a teacher of mathematics."},
        {"role": "user", "content": "x" * 20_000},
    ]
    for stream in (False, True):
        body = {"model": "coe", "messages": messages, "stream": stream}
        answer = await user.client.post("/v1/chat/completions", json=body, headers=user.headers)
        await user.say(answer.headers["x-coe-request-id"], rating=1)
    (row,) = await exported(admin, services)
    assert row["prompt"] == routing_text(messages).text
    assert row["requests"] == 2


async def test_a_preferred_request_compares_two_experts(
    callers: Callers, services: Services
) -> None:
    user, stranger = await callers.make("one"), await callers.make("two")
    admin = await callers.make(role=Role.ADMIN)
    await admin.coe.feedback.store_content("one", store=True)
    worse, better = await user.ask("ada"), await user.ask("bo")
    said = await user.coe.feedback.give(worse, preferred_request=better)
    assert (said.preferred_request, said.prefers_other, said.answer_stored) == (better, True, False)
    (row,) = await exported(admin, services)
    assert (row["scores"], row["comparisons"]) == ({}, [{"a": "ada", "b": "bo", "winner": "b"}])
    theirs = await stranger.ask()
    for request in (theirs, "req_", "nonsense"):
        refused = error_of(await user.say(worse, preferred_request=request), 404)
        assert (refused["code"], refused["param"]) == ("request_not_found", "preferred_request")
    assert error_of(await user.say(worse, preferred_request=worse), 400)


async def test_roles(callers: Callers) -> None:
    needed = {
        ("POST", PATH): Role.USER,
        ("GET", ADMIN): Role.VIEWER,
        ("GET", f"{ADMIN}/scores"): Role.VIEWER,
        ("POST", f"{ADMIN}/scores"): Role.EDITOR,
        ("GET", f"{ADMIN}/export"): Role.EDITOR,
        ("GET", f"{ADMIN}/content/default"): Role.VIEWER,
        ("PUT", f"{ADMIN}/content/default"): Role.ADMIN,
    }
    for role in Role:
        caller = await callers.make(role=role)
        for (method, path), least in needed.items():
            answer = await caller.client.request(method, path, headers=caller.headers, json={})
            assert (answer.status_code == 403) == (not role.includes(least)), (role, path)
