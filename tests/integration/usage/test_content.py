"""Prompts and answers: kept where a tenant wants it, redacted, shown to it alone, gone in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from orchestrator.tenants.keys import Role
from orchestrator.usage.content import repository as contents
from orchestrator.usage.tables import request_contents, request_texts
from orchestrator.usage.upkeep import UsageUpkeep
from tests.integration.usage.conftest import Caller, Desk, record

SAID = "I am ada@example.com, patient 77"


@pytest.fixture
async def tenant(desk: Desk, request: pytest.FixtureRequest) -> str:
    name = request.node.name.removeprefix("test_")[:60].strip("_").replace("[", "-").strip("]")
    await desk.caller(name)
    return name


async def _choose(desk: Desk, tenant: str, **choice: Any) -> dict[str, Any]:
    admin = await desk.caller("admins", Role.ADMIN)
    path = f"/admin/api/feedback/content/{tenant}"
    answer = await admin._client.put(path, json=choice, headers=admin._headers)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    assert (await admin.get(path)).json() == shown
    return shown


async def _ask(desk: Desk, caller: Caller, *, stream: bool = False, model: str = "echo") -> str:
    body = {"model": model, "messages": [{"role": "user", "content": SAID}], "stream": stream}
    answer = await caller.post("/v1/chat/completions", body)
    assert answer.status_code == 200, answer.text
    await desk.services.drain.flush()
    return answer.headers["x-coe-request-id"]


async def _kept(desk: Desk, tenant: str) -> tuple[int, int]:
    async with desk.engine.connect() as connection:
        counts = [
            await connection.scalar(
                select(func.count()).select_from(table).where(table.c.tenant == tenant)
            )
            for table in (request_texts, request_contents)
        ]
    return counts[0] or 0, counts[1] or 0


async def test_nothing_is_kept_unless_chosen(desk: Desk, tenant: str) -> None:
    user = await desk.caller(tenant)
    request = await _ask(desk, user)
    assert await _kept(desk, tenant) == (0, 0)
    assert (await user.get(f"/v1/usage/requests/{request}/content")).status_code == 404


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_prompts_and_answers(desk: Desk, tenant: str, stream: bool) -> None:
    shown = await _choose(desk, tenant, level="all", patterns=[r"patient \d+"])
    assert shown == {
        "store": True,
        "level": "all",
        "retention_days": None,
        "patterns": [r"patient \d+"],
    }
    user = await desk.caller(tenant)
    request = await _ask(desk, user, stream=stream)
    path = f"/v1/usage/requests/{request}/content"
    content = (await user.get(path)).json()
    assert content["messages"] == [{"role": "user", "content": "I am [email], [redacted]"}]
    assert content["answer"] == "I am [email], [redacted]"
    assert (await (await desk.caller("others", Role.VIEWER)).get(path)).status_code == 404
    assert (await (await desk.caller("others", Role.ADMIN)).get(path)).status_code == 200
    # Less is kept from now on, and what is too much goes.
    await _choose(desk, tenant, level="prompts")
    assert (await user.get(path)).json()["answer"] is None
    await _choose(desk, tenant, store=False)
    assert await _kept(desk, tenant) == (0, 0)


async def test_what_a_strategy_answers_is_kept_too(desk: Desk, tenant: str) -> None:
    await _choose(desk, tenant, level="all")
    user = await desk.caller(tenant)
    request = await _ask(desk, user, model="coe-self-consistency")
    content = (await user.get(f"/v1/usage/requests/{request}/content")).json()
    assert content["messages"] == [{"role": "user", "content": "I am [email], patient 77"}]
    assert "ada@example.com" not in content["answer"]
    assert content["answer"]


async def test_content_goes_when_its_days_are_over(desk: Desk, tenant: str) -> None:
    await _choose(desk, tenant, level="prompts", retention_days=7)
    now = datetime.now(UTC)
    old, new = (
        record((now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M"), tenant=tenant, text="t",
               prompt="[]")
        for days in (8, 6)
    )  # fmt: skip
    async with desk.engine.begin() as connection:
        await contents.keep(connection, [old, new])
    assert await _kept(desk, tenant) == (2, 2)
    await UsageUpkeep(desk.engine).content()
    assert await _kept(desk, tenant) == (1, 1)
    await UsageUpkeep(desk.engine).content(now + timedelta(days=2))
    assert await _kept(desk, tenant) == (0, 0)


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ({}, None),
        ({"store": True, "level": "all"}, None),
        ({"level": "everything"}, "level"),
        ({"level": "all", "retention_days": 0}, "retention_days"),
        ({"level": "all", "patterns": ["("]}, "patterns"),
    ],
)
async def test_what_is_no_choice(desk: Desk, choice: dict[str, Any], param: str | None) -> None:
    admin = await desk.caller("admins", Role.ADMIN)
    answer = await admin._client.put(
        "/admin/api/feedback/content/admins", json=choice, headers=admin._headers
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param
