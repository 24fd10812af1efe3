"""Batches through the service's own API, with workers beside it and experts behind sockets."""

from __future__ import annotations

import asyncio
import json

import pytest

from orchestrator.jobs.listing import Wanted
from tests.integration.jobs.conftest import Place, request_line


async def test_a_batch_is_answered_and_every_request_is_on_record_once(place: Place) -> None:
    await place.expert("echo")
    lines = [request_line(f"r{n}", text=f"number {n}") for n in range(50)]
    async with place.worker():
        batch = await place.over(await place.batch(lines, metadata={"for": "a test"}))
    assert batch["status"] == "completed"
    assert batch["request_counts"] == {"total": 50, "completed": 50, "failed": 0}
    assert batch["metadata"] == {"for": "a test"}
    assert batch["error_file_id"] is None
    answers = await place.lines(batch["output_file_id"])
    assert len(answers) == 50
    for n in range(50):
        line = answers[f"r{n}"]
        assert line["error"] is None
        assert line["response"]["status_code"] == 200
        content = line["response"]["body"]["choices"][0]["message"]["content"]
        assert content == f"number {n}"
        assert line["coe"]["expert"] == "everyone"
    rows = await place.usage()
    assert {row["request_id"] for row in rows} == {
        line["response"]["request_id"] for line in answers.values()
    }
    assert len(rows) == 50
    spent = sum(row["cost_nanos"] for row in rows)
    assert spent > 0
    assert round(batch["coe"]["cost_usd"] * 1e9) == spent
    assert {row["api"] for row in rows} == {"batches"}
    file = await place.get(f"/v1/files/{batch['output_file_id']}")
    text = (await place.client.get(f"/v1/files/{batch['output_file_id']}/content")).content
    assert file["bytes"] == len(text)
    assert file["purpose"] == "batch_output"


async def test_requests_are_routed_when_they_are_put_in_and_grouped_by_expert(place: Place) -> None:
    cheap = await place.expert("fixed:cheap", "cheap")
    dear = await place.expert("fixed:dear", "dear", price={"input": 100.0, "output": 200.0})
    lines = [request_line(f"r{n}", "coe-economy") for n in range(8)]
    lines += [request_line("named", "dear")]
    async with place.worker():
        batch = await place.over(await place.batch(lines))
    answers = await place.lines(batch["output_file_id"])
    assert answers["named"]["coe"]["expert"] == "dear"
    assert {answers[f"r{n}"]["coe"]["expert"] for n in range(8)} == {"cheap"}
    assert (len(cheap.ledger.requests), len(dear.ledger.requests)) == (8, 1)
    routed = [row for row in await place.usage() if row["model"] == "coe-economy"]
    assert {(row["policy"], row["category"]) for row in routed} == {("economy", "general")}
    assert {row["router_version"] for row in routed} == {place.services.router.router.version}


async def test_what_is_wrong_names_the_line_and_nothing_is_begun(place: Place) -> None:
    server = await place.expert("echo")
    lines = [
        request_line("fine"),
        "this is no JSON",
        request_line("fine"),
        request_line("streamed", stream=True),
        request_line("elsewhere").replace("/v1/chat/completions", "/v1/embeddings"),
        request_line("nobody", "no-such-expert"),
        request_line("strategic", "coe-cascade"),
        json.dumps({"custom_id": "empty", "body": {"model": "everyone", "messages": []}}),
        json.dumps({"custom_id": "", "body": {"model": "everyone"}}),
        json.dumps({"custom_id": "odd", "method": "GET", "body": {}}),
    ]
    async with place.worker():
        batch = await place.over(await place.batch(lines))
    assert batch["status"] == "failed"
    assert batch["request_counts"] == {"total": 0, "completed": 0, "failed": 0}
    found = [(one["line"], one["code"], one["param"]) for one in batch["errors"]["data"]]
    assert found == [
        (2, "invalid_json_line", None),
        (3, "duplicate_custom_id", "custom_id"),
        (4, "invalid_request", "body.stream"),
        (5, "mismatched_endpoint", "url"),
        (6, "model_not_found", "body.model"),
        (7, "strategy_in_batch", "body.model"),
        (8, "invalid_request", "body.messages"),
        (9, "invalid_custom_id", "custom_id"),
        (10, "invalid_method", "method"),
    ]
    assert server.ledger.requests == []


async def test_an_empty_file_is_no_batch(place: Place) -> None:
    async with place.worker():
        batch = await place.over(await place.batch(["", ""]))
    assert [one["code"] for one in batch["errors"]["data"]] == ["empty_file"]


async def test_a_request_that_fails_for_now_is_tried_again(place: Place) -> None:
    # Twice within each of the item's first two attempts.
    server = await place.expert("flaky:2:503|fixed:at last")
    async with place.worker():
        batch = await place.over(await place.batch([request_line("one")]))
    assert batch["status"] == "completed"
    [row] = await place.usage()
    assert row["status"] == "ok"
    # What every attempt took is on the one record.
    assert len(row["attempts"]) == len(server.ledger.requests) == 3
    assert [call["outcome"] for call in row["attempts"]] == ["failed", "failed", "ok"]


async def test_what_is_refused_ends_in_the_error_file_and_can_be_requeued(place: Place) -> None:
    await place.expert("refuse", "everyone")
    await place.expert("echo", "good")
    lines = [request_line("bad"), request_line("good", "good")]
    async with place.worker():
        batch_id = await place.batch(lines)
        batch = await place.over(batch_id)
        assert batch["status"] == "completed"
        assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
        errors = await place.lines(batch["error_file_id"])
        assert errors["bad"]["response"]["status_code"] == 400
        assert errors["bad"]["response"]["body"]["error"]["code"] == "expert_refused_request"
        shown = await place.get(f"/admin/api/jobs/{batch_id}")
        [failure] = shown["failures"]
        assert (failure["error_code"], failure["items"]) == ("expert_refused_request", 1)
        assert len(await place.usage()) == 2

        # The operator mends the expert, and has what failed done again.
        await place.services.catalogue.update(
            place.services.catalogue.current.experts["everyone"].model_copy(
                update={"endpoints": place.services.catalogue.current.experts["good"].endpoints}
            ),
            by="test",
        )
        answer = await place.client.post(f"/admin/api/jobs/{batch_id}/requeue", json={})
        assert answer.status_code == 202, answer.text
        assert answer.json()["requeued"] == 1
        batch = await place.over(batch_id)
    assert batch["request_counts"] == {"total": 2, "completed": 2, "failed": 0}
    assert batch["error_file_id"] is None
    assert set(await place.lines(batch["output_file_id"])) == {"bad", "good"}
    rows = await place.usage()
    assert len(rows) == 3, "the failure stays on record, and the answer has a record of its own"
    job = await place.get(f"/admin/api/jobs/{batch_id}")
    assert job["cost_usd"] * 1e9 == pytest.approx(sum(row["cost_nanos"] for row in rows))


async def test_a_batch_that_is_cancelled_keeps_what_was_answered(place: Place) -> None:
    await place.expert("delay:0.05|echo")
    lines = [request_line(f"r{n}") for n in range(400)]
    async with place.worker(worker_items=4):
        batch_id = await place.batch(lines)
        await place.until(batch_id, lambda found: found["request_counts"]["completed"] >= 5)
        answer = await place.client.post(f"/v1/batches/{batch_id}/cancel")
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] in {"cancelling", "cancelled"}
        batch = await place.over(batch_id)
        again = await place.client.post(f"/v1/batches/{batch_id}/cancel")
    assert again.status_code == 409
    assert batch["status"] == "cancelled"
    answered = await place.lines(batch["output_file_id"])
    dropped = await place.lines(batch["error_file_id"])
    assert len(answered) == batch["request_counts"]["completed"] < 400
    assert len(answered) + len(dropped) == 400
    assert {line["error"]["code"] for line in dropped.values()} == {"batch_cancelled"}
    assert batch["coe"]["unbegun"] == len(dropped)
    assert len(await place.usage()) == len(answered)
    file = await place.get(f"/v1/files/{batch['error_file_id']}")
    content = await place.client.get(f"/v1/files/{batch['error_file_id']}/content")
    assert file["bytes"] == len(content.content)


async def test_a_batch_that_no_worker_has_is_cancelled_at_once(place: Place) -> None:
    batch_id = await place.batch([request_line("one")])
    answer = await place.client.post(f"/v1/batches/{batch_id}/cancel")
    assert answer.json()["status"] == "cancelled"


async def test_a_batch_past_its_time_ends_as_expired(place: Place) -> None:
    await place.expert("delay:0.2|echo")
    async with place.worker(worker_items=1):
        batch_id = await place.batch([request_line(f"r{n}") for n in range(100)])
        await place.until(batch_id, lambda found: found["request_counts"]["completed"] >= 1)
        async with place.services.engine.begin() as connection:
            await connection.exec_driver_sql("UPDATE jobs SET deadline = now()")
        batch = await place.over(batch_id)
    assert batch["status"] == "expired"
    answered = await place.lines(batch["output_file_id"])
    dropped = await place.lines(batch["error_file_id"])
    assert len(answered) + len(dropped) == 100
    assert {line["error"]["code"] for line in dropped.values()} == {"batch_expired"}
    assert {line["response"] for line in dropped.values()} == {None}


async def test_vectors_come_in_batches_too(place: Place) -> None:
    await place.expert("echo", "vectors", capabilities=["embeddings"])
    lines = [
        json.dumps(
            {
                "custom_id": f"v{n}",
                "method": "POST",
                "url": "/v1/embeddings",
                "body": {"model": "vectors", "input": ["one", "two"]},
            }
        )
        for n in range(3)
    ]
    async with place.worker():
        batch = await place.over(await place.batch(lines, endpoint="/v1/embeddings"))
        chat = await place.over(await place.batch([request_line("no", "vectors")]))
    assert batch["request_counts"]["completed"] == 3
    answers = await place.lines(batch["output_file_id"])
    assert len(answers["v0"]["response"]["body"]["data"]) == 2
    assert [one["code"] for one in chat["errors"]["data"]] == ["expert_lacks_capability"]


async def test_an_expert_that_is_gone_meanwhile_is_replaced(place: Place) -> None:
    await place.expert("fixed:first", "first")
    await place.expert("fixed:second", "second", price={"input": 50.0, "output": 50.0})
    batch_id = await place.batch([request_line(f"r{n}", "coe-economy") for n in range(3)])
    [job] = await place.services.jobs.page(Wanted(), limit=1)
    worker = place.job_worker()
    async with place.leased(worker):
        await worker.preparer.once()
    await place.services.catalogue.retire("first", by="test")
    async with place.worker():
        batch = await place.over(batch_id)
    answers = await place.lines(batch["output_file_id"])
    assert {line["coe"]["expert"] for line in answers.values()} == {"second"}
    assert job["id"] == batch_id


async def test_batches_and_files_of_others_are_not_there(place: Place) -> None:
    stranger = await place.as_tenant("stranger")
    batch_id = await place.batch([request_line("one")])
    file_id = (await place.get(f"/v1/batches/{batch_id}"))["input_file_id"]
    for method, path in (
        ("GET", f"/v1/batches/{batch_id}"),
        ("POST", f"/v1/batches/{batch_id}/cancel"),
        ("GET", f"/v1/files/{file_id}"),
        ("GET", f"/v1/files/{file_id}/content"),
        ("DELETE", f"/v1/files/{file_id}"),
        ("GET", "/v1/batches/batch_nonsense"),
        ("GET", "/v1/files/file-nonsense"),
    ):
        assert (await stranger.request(method, path)).status_code == 404, path
    wanted = {"endpoint": "/v1/chat/completions", "input_file_id": file_id}
    refused = await stranger.post("/v1/batches", json=wanted)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "input_file_id"
    assert (await stranger.get("/v1/batches")).json()["data"] == []
    assert (await stranger.get("/v1/files")).json()["data"] == []
    assert (await stranger.get("/admin/api/jobs")).status_code == 403


async def test_lists_come_in_pages(place: Place) -> None:
    made = [await place.batch([request_line("one")]) for _ in range(5)]
    first = await place.get("/v1/batches?limit=2")
    assert [one["id"] for one in first["data"]] == made[:-3:-1]
    assert first["has_more"] is True
    second = await place.get(f"/v1/batches?limit=3&after={first['last_id']}")
    assert [one["id"] for one in second["data"]] == made[2::-1]
    assert second["has_more"] is False
    jobs = await place.get("/admin/api/jobs?limit=2&state=queued&kind=batch&tenant=default")
    assert [one["id"] for one in jobs["data"]] == made[:-3:-1]
    files = await place.get("/v1/files?limit=2&order=asc&purpose=batch")
    assert files["has_more"] is True
    assert len(files["data"]) == 2


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"endpoint": "/v1/completions"}, "endpoint"),
        ({"completion_window": "1 day"}, "completion_window"),
        ({"completion_window": "31d"}, "completion_window"),
        ({"coe": {"priority": 1000}}, "coe.priority"),
        ({"coe": {"webhook": "hook_none"}}, "coe.webhook"),
        ({"metadata": {"a": "\0"}}, "metadata.a"),
    ],
)
async def test_what_is_wrong_with_a_batch_is_named(
    place: Place, wanted: dict[str, object], param: str
) -> None:
    file_id = await place.upload([request_line("one")])
    body = {"endpoint": "/v1/chat/completions", "input_file_id": file_id, **wanted}
    answer = await place.client.post("/v1/batches", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_an_estimate_comes_before_and_is_near_what_it_costs(place: Place) -> None:
    await place.expert("echo")
    lines = [request_line(f"r{n}", max_tokens=20) for n in range(500)]
    file_id = await place.upload(lines)
    source = {"input_file_id": file_id, "endpoint": "/v1/chat/completions"}
    answer = await place.client.post("/v1/batches/estimate", json=source)
    assert answer.status_code == 200, answer.text
    estimate = answer.json()
    assert estimate["requests"] == 500
    assert 20 <= estimate["looked_at"] <= 100
    assert estimate["experts"] == [
        {"expert": "everyone", "requests": 500, "usual_usd": estimate["usual_usd"]}
    ]
    assert 0 < estimate["usual_usd"] <= estimate["most_usd"]
    async with place.worker():
        batch = await place.over(await place.batch([], input_file_id=file_id))
    assert batch["coe"]["cost_usd"] <= estimate["most_usd"]


async def test_a_key_that_is_revoked_stops_its_batches(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.jobs.running._FRESH_SECONDS", 0.2)
    await place.expert("delay:0.1|echo")
    user = await place.as_tenant("default")
    file_id = await place.upload([request_line(f"r{n}") for n in range(200)], user)
    wanted = {"endpoint": "/v1/chat/completions", "input_file_id": file_id}
    batch_id = (await user.post("/v1/batches", json=wanted)).json()["id"]
    async with place.worker(worker_items=2):
        await place.until(batch_id, lambda found: found["request_counts"]["completed"] >= 1)
        await place.services.keys.revoke(user.headers["x-test-key-id"])
        batch = await place.over(batch_id)
    assert batch["status"] == "failed"
    assert [one["code"] for one in batch["errors"]["data"]] == ["key_revoked"]
    dropped = await place.lines(batch["error_file_id"])
    assert len(dropped) + len(await place.lines(batch["output_file_id"])) == 200


async def test_a_batch_waits_for_its_budget_and_goes_on(place: Place) -> None:
    await place.expert("fixed:yes", price={"input": 0.0, "output": 1000.0})
    limit = "/admin/api/limits/tenants/default"
    # An answer may cost 10 tokens of 0.001 dollars, and costs one.
    await place.client.put(limit, json={"usd_per_day": 0.015})
    lines = [request_line(f"r{n}", max_tokens=10) for n in range(20)]
    async with place.worker():
        batch_id = await place.batch(lines)
        batch = await place.until(batch_id, lambda found: found["coe"]["waits_for"] is not None)
        assert batch["status"] == "in_progress"
        assert batch["coe"]["waits_for"] == "a budget is used up"
        await asyncio.sleep(0.3)
        counts = (await place.get(f"/v1/batches/{batch_id}"))["request_counts"]
        assert counts["completed"] + counts["failed"] < 20
        await place.client.put(limit, json={"usd_per_day": 100.0})
        place.forget_pauses()
        batch = await place.over(batch_id)
    assert batch["request_counts"]["completed"] == 20
    assert batch["coe"]["waits_for"] is None
    view = (await place.client.get(limit)).json()
    [use] = [use for use in view["use"] if use["limit"] == "usd_per_day"]
    assert use["reserved"] == 0
    assert use["used"] == pytest.approx(batch["coe"]["cost_usd"])
