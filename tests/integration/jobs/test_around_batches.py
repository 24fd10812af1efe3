"""What is around a batch as around chat: guardrails, content that is kept, webhooks, fallbacks in a budget."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from orchestrator.batches.kind import KIND, BatchKind
from orchestrator.guardrails.building import build_guardrails
from orchestrator.runs.tables import deliveries
from orchestrator.usage.tables import request_contents
from tests.integration.guardrails import hooks
from tests.integration.jobs.conftest import Place, request_line

JUDGE = f"{hooks.__name__}:judge"


async def test_guardrails_judge_requests_and_answers_of_batches(place: Place) -> None:
    server = await place.expert("echo")
    settings = place.settings.model_copy(
        update={"guardrails_before": JUDGE, "guardrails_after": JUDGE}
    )
    kind = place.services.kinds[KIND]
    assert isinstance(kind, BatchKind)
    performer = replace(kind.performer, guardrails=build_guardrails(settings))
    kinds = {KIND: replace(kind, performer=performer)}
    place.services = replace(place.services, kinds=kinds)
    lines = [
        request_line("fine", text="hello"),
        request_line("blocked", text="block-me now"),
        request_line("secret", text="my number is 47-11"),
    ]
    async with place.worker():
        batch = await place.over(await place.batch(lines))
    answers = await place.lines(batch["output_file_id"])
    errors = await place.lines(batch["error_file_id"])
    assert set(answers) == {"fine", "secret"}
    said = answers["secret"]["response"]["body"]["choices"][0]["message"]["content"]
    assert said == "my number is ***"
    blocked = errors["blocked"]["response"]
    assert (blocked["status_code"], blocked["body"]["error"]["code"]) == (
        403,
        "blocked_by_guardrail",
    )
    assert "47-11" not in json.dumps(server.ledger.requests)
    assert len(server.ledger.requests) == 2
    by_status = {row["status"]: row for row in await place.usage()}
    assert set(by_status) == {"ok", "blocked"}
    assert by_status["blocked"]["cost_nanos"] == 0
    assert by_status["blocked"]["guardrails"][0]["outcome"] == "block"


async def contents(place: Place) -> list[dict[str, Any]]:
    async with place.services.engine.connect() as connection:
        rows = (await connection.execute(sa.select(request_contents))).mappings()
        return [dict(row) for row in rows]


async def test_what_is_said_is_kept_for_training_only_if_the_tenant_wants_that(
    place: Place,
) -> None:
    await place.expert("fixed:an answer")
    async with place.worker():
        await place.over(await place.batch([request_line("one")]))
        assert await contents(place) == []
        await place.client.put("/admin/api/feedback/content/default", json={"level": "all"})
        await place.over(await place.batch([request_line("two", text="a question")]))
    [row] = await contents(place)
    assert "a question" in row["prompt"]
    assert row["answer"] == "an answer"


async def test_a_webhook_is_told_of_the_end_once(place: Place) -> None:
    await place.expert("echo")
    made = await place.client.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/hook"})
    assert made.status_code == 201, made.text
    options = {"coe": {"webhook": made.json()["id"], "priority": 3}}
    async with place.worker():
        batch = await place.over(await place.batch([request_line("one")], **options))
    assert batch["coe"]["priority"] == 3
    async with place.services.engine.connect() as connection:
        [row] = (await connection.execute(sa.select(deliveries))).mappings()
    assert (row["type"], row["run_id"]) == ("batch.finished", batch["id"])
    told = json.loads(row["body"])["data"]
    assert told["progress"] == {"total": 1, "completed": 1, "failed": 0, "dropped": 0}


async def test_another_answers_after_two_attempts_unless_a_budget_does_not_hold_it(
    place: Place, monkeypatch: Any
) -> None:
    monkeypatch.setattr("orchestrator.batches.performing.pause_before", lambda *_: 0.01)
    await place.expert("fail:503", "cheap")
    await place.expert("fixed:dear", "dear", price={"input": 500.0, "output": 500.0})
    lines = [request_line("one", "coe-economy", max_tokens=5)]
    async with place.worker():
        batch = await place.over(await place.batch(lines))
        answers = await place.lines(batch["output_file_id"])
        assert answers["one"]["coe"]["expert"] == "dear"
        [row] = await place.usage()
        assert [call["expert"] for call in row["attempts"]].count("dear") == 1
        await place.client.put("/admin/api/limits/tenants/default", json={"usd_per_day": 1000.0})
        batch_id = await place.batch(lines)
        await place.until_item(batch_id, attempts=5)
        await place.client.post(f"/v1/batches/{batch_id}/cancel")
    assert len(await place.usage()) == 1
