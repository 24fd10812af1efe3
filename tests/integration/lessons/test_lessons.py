"""Lessons in Postgres, from one request to the next, and for operators."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from httpx import ASGITransport, AsyncClient

from experts.catalogue.expert import Expert
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.conductor.gate import History
from orchestrator.conductor.values import Lesson, Task
from orchestrator.kit.database import make_engine
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.lessons import repository
from orchestrator.lessons.store import PostgresLessons
from orchestrator.lessons.tables import lessons
from orchestrator.tenants.keys import Role
from router import Category, HashingEmbedder, Taxonomy, build_router

PATH = "/admin/api/lessons"
CONTENT = "/admin/api/feedback/content/default"
TASK = "What is the sum of the first ten primes?"
LIKE_IT = "What is the sum of the first six primes?"
ROUTER = build_router(
    Taxonomy((Category("general", "General", "Everything."),)), HashingEmbedder(), name="test"
)
SCRIPT = {"replies": {"VERDICT": "VERDICT: CORRECT"}, "text": "It comes to 129."}


@pytest.fixture
async def services(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(Settings(data_dir=tmp_path), urls, ROUTER, {}) as services:
        for name in ("ada", "bo"):
            entry = {"id": name, "provider": "scripted", "parameters": {"script": SCRIPT}}
            await services.catalogue.create(Expert.model_validate(entry), by="test")
        yield services


@pytest.fixture
async def admin(services: Services) -> AsyncIterator[AsyncClient]:
    _, key = await services.keys.create(name="admin", role=Role.ADMIN, created_by="test")
    async with AsyncClient(
        transport=ASGITransport(create_app(services), raise_app_exceptions=False),
        base_url="http://test",
        headers={"authorization": f"Bearer {key}"},
    ) as client:
        yield client


@pytest.fixture
def store(services: Services) -> PostgresLessons:
    return services.lessons


def task(text: str = TASK, tenant: str = "default", category: str | None = "math") -> Task:
    message = {"role": "user", "content": text}
    return Task((message,), text, tenant=tenant, category=category)


async def opt_in(admin: AsyncClient, store: bool = True) -> None:
    assert (await admin.put(CONTENT, json={"store": store})).status_code == 200


async def ask(client: AsyncClient, text: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    body = {"model": "coe-cascade", "messages": messages, "coe": {"explain": True}}
    answer = await client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["coe"]
    return told


async def test_an_accepted_answer_is_told_to_the_next_request(
    services: Services, admin: AsyncClient
) -> None:
    await opt_in(admin)
    first = await ask(admin, TASK)
    assert first["run"]["verified"] is True
    [kept] = (await admin.get(PATH)).json()["data"]
    assert (kept["task"], kept["answer"], kept["warning"]) == (TASK, "It comes to 129.", "")
    assert (kept["tenant"], kept["category"]) == ("default", "general")
    second = await ask(admin, LIKE_IT)
    assert [step["kind"] for step in second["steps"]] == ["lessons", "expert", "verify"]
    assert TASK in second["steps"][0]["output"]
    assert services.knowledge.histories.of(task(category="general")) == History(2, 0)


async def test_nothing_is_kept_of_a_tenant_that_does_not_want_it(admin: AsyncClient) -> None:
    await ask(admin, TASK)
    assert (await admin.get(PATH)).json()["data"] == []
    await opt_in(admin)
    await ask(admin, TASK)
    assert len((await admin.get(PATH)).json()["data"]) == 1
    await opt_in(admin, store=False)
    assert (await admin.get(PATH)).json()["data"] == []


async def test_a_better_answer_is_a_lesson(admin: AsyncClient) -> None:
    async def correct(answer: str) -> None:
        body = {"model": "coe", "messages": [{"role": "user", "content": TASK}]}
        request = (await admin.post("/v1/chat/completions", json=body)).headers
        said = {"request_id": request["x-coe-request-id"], "preferred_answer": answer}
        assert (await admin.post("/v1/feedback", json=said)).status_code == 200

    await correct("nobody may keep this")
    assert (await admin.get(PATH)).json()["data"] == []
    await opt_in(admin)
    await correct("It is 129, with 29.")
    [kept] = (await admin.get(PATH)).json()["data"]
    assert (kept["task"], kept["answer"]) == (TASK, "It is 129, with 29.")
    told = await ask(admin, LIKE_IT)
    assert "It is 129, with 29." in told["steps"][0]["output"]


async def test_by_tenant_category_and_likeness(
    services: Services, admin: AsyncClient, store: PostgresLessons
) -> None:
    await opt_in(admin)
    await store.keep(task(), Lesson(TASK, "129", "29 was forgotten"))
    assert await store.find(task(LIKE_IT), 3) == (Lesson(TASK, "129", "29 was forgotten"),)
    assert await store.find(task("Translate this poem about ships."), 3) == ()
    assert await store.find(task(category="law"), 3) == ()
    assert await store.find(task(category=None), 3) == ()
    assert await store.find(task(tenant="other"), 3) == ()
    await store.keep(task(tenant="nobody"), Lesson(TASK, "1"))
    await store.keep(replace(task(), category=None), Lesson(TASK, "1"))
    await store.keep(task(), Lesson(TASK, "the last word"))
    assert await store.find(task(), 3) == (Lesson(TASK, "the last word"),)


async def test_texts_that_no_database_holds(admin: AsyncClient, store: PostgresLessons) -> None:
    await opt_in(admin)
    await store.keep(task(), Lesson(f"{TASK}\x00\ud800", "\x00129", "\ud800"))
    [found] = await store.find(task(), 3)
    assert found.answer == " 129"


async def test_the_newest_stay(
    services: Services,
    admin: AsyncClient,
    store: PostgresLessons,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await opt_in(admin)
    monkeypatch.setattr(repository, "MOST_IN_CATEGORY", 3)
    monkeypatch.setattr(repository, "MOST_OF_TENANT", 4)
    for number in range(6):
        await store.keep(task(), Lesson(f"{TASK} {number}", str(number)))
        await asyncio.sleep(0.002)  # ids rise by the millisecond
    assert {each.answer for each in await store.find(task(), 9)} == {"3", "4", "5"}
    for number in range(3):
        await store.keep(task(category="law"), Lesson(f"{TASK} {number}", str(number)))
        await asyncio.sleep(0.002)
    async with services.engine.connect() as connection:
        rows = (await connection.execute(sa.select(lessons.c.category, lessons.c.answer))).all()
    assert sorted(map(tuple, rows)) == [("law", "0"), ("law", "1"), ("law", "2"), ("math", "5")]


async def test_operators_see_and_delete_them(admin: AsyncClient, store: PostgresLessons) -> None:
    await opt_in(admin)
    for number in range(3):
        await store.keep(task(category=f"c{number}"), Lesson(TASK, str(number)))
    first = (await admin.get(PATH, params={"limit": 2})).json()
    assert [each["answer"] for each in first["data"]] == ["2", "1"]
    rest = (await admin.get(PATH, params={"after": first["next"]})).json()
    assert [each["answer"] for each in rest["data"]] == ["0"]
    named = (await admin.get(PATH, params={"category": "c1", "tenant": "default"})).json()["data"]
    assert [each["answer"] for each in named] == ["1"]
    path = f"{PATH}/{named[0]['id']}"
    assert (await admin.delete(path)).status_code == 204
    assert (await admin.delete(path)).status_code == 404
    assert (await admin.get(PATH, params={"tenant": "\x00"})).status_code == 400
    assert len((await admin.get(PATH)).json()["data"]) == 2


async def test_others_do_not_see_them(services: Services, admin: AsyncClient) -> None:
    _, key = await services.keys.create(name="v", role=Role.VIEWER, created_by="test")
    headers = {"authorization": f"Bearer {key}"}
    assert (await admin.get(PATH, headers=headers)).status_code == 403
    assert (await admin.delete(f"{PATH}/x", headers=headers)).status_code == 403


async def test_a_store_that_is_away_costs_no_answer(
    services: Services, admin: AsyncClient, store: PostgresLessons
) -> None:
    await opt_in(admin)
    async with services.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE lessons RENAME TO gone"))
    told = await ask(admin, TASK)
    assert told["run"]["verified"] is True
    assert await store.find(task(), 3) == ()


async def test_a_postgres_that_is_away_costs_no_answer_and_little_time(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.lessons.store._PATIENCE", 0.1)

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    for place in (port, 1):  # one that never answers, and one that is not there
        engine = make_engine(f"postgresql://127.0.0.1:{place}/coe")
        away = PostgresLessons(engine, ROUTER.embedder)
        began = time.monotonic()
        assert await away.find(task(), 3) == ()
        await away.keep(task(), Lesson(TASK, "129"))
        assert time.monotonic() - began < 2.0
        await engine.dispose()
    listening.close()


async def test_operators_are_told_that_postgres_is_away(
    services: Services, admin: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = make_engine("postgresql://127.0.0.1:1/coe")
    monkeypatch.setattr(services.lessons, "_engine", gone)
    for answer in (await admin.get(PATH), await admin.delete(f"{PATH}/les_1")):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (503, "registry_unavailable")
    await gone.dispose()
