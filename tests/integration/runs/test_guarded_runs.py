"""Guardrails around runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from experts.providers.scripted_server import ScriptedServer
from orchestrator.app import create_app
from orchestrator.guardrails.building import build_guardrails
from orchestrator.guardrails.values import Event
from orchestrator.runs import repository
from tests.integration.runs.conftest import MakeWorker, Place, ten_steps


def judge(event: Event) -> dict[str, object]:
    """Judge answers of runs: the number is not to be told, and a secret not at all."""
    (message,) = event.messages
    if "secret" in message["content"]:
        return {"outcome": "block", "reason": "a secret"}
    told = message["content"].replace("10", "***")
    return {"outcome": "redact", "messages": [{**message, "content": told}], "flags": ["number"]}


def watch(event: Event) -> dict[str, object]:
    """Judge what runs are asked: all of it is noticed, and what is forbidden is not done."""
    if "forbidden" in str(event.messages):
        return {"outcome": "block", "reason": "forbidden", "flags": ["unwanted"]}
    return {"outcome": "flag", "flags": ["sums"]}


@asynccontextmanager
async def watched(place: Place) -> AsyncIterator[Place]:
    """A service whose guardrails see what is asked, too."""
    settings = place.settings.model_copy(update={"guardrails_before": f"{__name__}:watch"})
    app = create_app(replace(place.services, guardrails=build_guardrails(settings)))
    transport = ASGITransport(app, raise_app_exceptions=False)
    headers = place.client.headers
    async with AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield replace(place, app=app, client=client)


async def record_of(place: Place, request_id: str) -> dict[str, Any]:
    """Return a usage record."""
    await place.services.drain.flush()
    found = await place.client.get(f"/admin/api/usage/{request_id}")
    assert found.status_code == 200, found.text
    record: dict[str, Any] = found.json()
    return record


@pytest.mark.parametrize(
    ("answer", "status"), [("the sum is 10", "finished"), ("a secret", "failed")]
)
async def test_the_answer_of_a_run_is_judged_before_it_is_told(
    place: Place,
    make_worker: MakeWorker,
    add_expert: Callable[..., Awaitable[ScriptedServer]],
    answer: str,
    status: str,
) -> None:
    script = ten_steps()
    script["turns"][-1] = f"<answer>{answer}</answer>"
    await add_expert(script)
    await make_worker(guardrails_after=f"{__name__}:judge")
    async with watched(place) as seen:
        run = await place.until(await seen.start())
    assert run["status"] == status
    said = ("redact", ["number"]) if status == "finished" else ("block", [])
    record = await record_of(place, await request_of(place, run["id"]))
    assert record["status"] == ("ok" if status == "finished" else "blocked")
    assert [
        (note["guardrail"], note["stage"], note["outcome"], note["flags"])
        for note in record["guardrails"]
    ] == [
        (f"{__name__}:watch", "request", "flag", ["sums"]),
        (f"{__name__}:judge", "answer", *said),
    ]
    if status == "finished":
        assert run["answer"] == "the sum is ***"
    else:
        assert run["answer"] is None
        assert run["error"]["code"] == "blocked_by_guardrail"
    assert run["spent"]["usd"] > 0


async def test_a_run_that_is_kept_out_is_on_record_and_costs_nothing(place: Place) -> None:
    async with watched(place) as seen:
        answer = await seen.client.post("/v1/runs", json={"task": "Do what is forbidden."})
    assert answer.status_code == 403
    record = await record_of(place, answer.json()["error"]["request_id"])
    assert (record["status"], record["api"], record["cost_usd"]) == ("blocked", "runs", 0)
    assert record["error_code"] == "blocked_by_guardrail"
    (note,) = record["guardrails"]
    assert (note["stage"], note["outcome"], note["flags"]) == ("request", "block", ["unwanted"])


async def request_of(place: Place, run_id: str) -> str:
    """Return the id of the request that started a run."""
    async with place.services.engine.connect() as connection:
        row = await repository.get(connection, run_id, None)
    assert row is not None
    identifier: str = row["request_id"]
    return identifier
