"""Runs from start to end: what is answered, stored, counted and told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from experts.providers.scripted_server import ScriptedServer
from orchestrator.runs.tables import runs as run_table
from tests.integration.runs.conftest import MakeWorker, Place, asked, eventually, ten_steps

AddExpert = Callable[..., Awaitable[ScriptedServer]]

TEN = [
    "turn 1", "please-work 1", "turn 2", "please-work 2", "turn 3", "please-work 3",
    "turn 4", "please-work 4", "turn 5", "check",
]  # fmt: skip


async def events(place: Place, run_id: str, after: str | None = None) -> list[dict[str, Any]]:
    """Return what a stream says until it ends."""
    headers = {"last-event-id": after} if after else {}
    async with place.client.stream("GET", f"/v1/runs/{run_id}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in answer.aiter_lines()]
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


async def test_a_run_of_ten_steps(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    server = await add_expert(ten_steps())
    await make_worker()
    run_id = await place.start(metadata={"mine": "1"})
    run = await place.until(run_id)
    assert (run["status"], run["answer"], run["verified"]) == ("finished", "the sum is 10", True)
    assert [asked(body) for body in server.ledger.requests] == TEN
    assert [step["number"] for step in run["steps"]] == list(range(1, 11))
    assert all(step["status"] == "ok" for step in run["steps"])
    assert run["metadata"] == {"mine": "1"}
    assert run["spent"]["calls"] == 10
    tokens = sum(step["prompt_tokens"] for step in run["steps"])
    assert run["spent"]["prompt_tokens"] == tokens > 0


async def test_a_run_has_one_usage_record_with_the_sum_of_its_steps(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    await add_expert(ten_steps())
    await make_worker()
    run = await place.until(await place.start())
    rows = (await place.client.get("/admin/api/usage")).json()["data"]
    assert len(rows) == 1
    assert rows[0]["request_id"] == run["request_id"]
    assert (rows[0]["api"], rows[0]["model"], rows[0]["status"]) == ("runs", "coe-conductor", "ok")
    assert rows[0]["prompt_tokens"] == run["spent"]["prompt_tokens"]
    assert rows[0]["cost_usd"] == pytest.approx(run["spent"]["usd"])
    assert run["spent"]["usd"] > 0
    async with place.services.engine.connect() as connection:  # what lists are sorted by
        nanos = await connection.scalar(sa.select(run_table.c.cost_nanos))
    assert nanos == round(run["spent"]["usd"] * 1e9)
    for question in ("sort=-cost", "sort=-took", "q=please", f"q={run['id'][:12]}"):
        found = (await place.client.get(f"/v1/runs?{question}")).json()["data"]
        assert [one["id"] for one in found] == ([] if question == "q=please" else [run["id"]])
    wrong = await place.client.get("/v1/runs?sort=answer")
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "sort")


async def test_the_stream_tells_everything_in_order_and_ends(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    await add_expert(ten_steps(delay=0.02))
    await make_worker()
    run_id = await place.start()
    told = await events(place, run_id)
    kinds = [each["type"] for each in told]
    assert kinds.count("step.started") == kinds.count("step.finished") == 10
    assert len({each["key"] for each in told if each["type"] == "step.delta"}) == 10
    for step in (each["step"] for each in told if each["type"] == "step.finished"):
        pieces = [e["text"] for e in told if e["type"] == "step.delta" and e["key"] == step["key"]]
        assert "".join(pieces) == step["output"]
    assert kinds[-2:] == ["answer.delta", "run.finished"]
    ids = [tuple(map(int, each["id"].split("-"))) for each in told]
    assert ids == sorted(set(ids))
    assert told[-1]["run"]["answer"] == "the sum is 10"
    started = {each["step"]["key"] for each in told if each["type"] == "step.started"}
    assert len(started) == 10


@pytest.mark.parametrize("cut", [0, 3, 11, 25])
async def test_a_stream_is_resumed_after_any_event(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert, cut: int
) -> None:
    await add_expert(ten_steps())
    await make_worker()
    run_id = await place.start()
    whole = await events(place, run_id)
    again = await events(place, run_id, whole[cut]["id"])
    assert again == whole[cut + 1 :]


async def test_a_stream_without_redis_tells_all_but_pieces_of_text(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    await add_expert(ten_steps(delay=0.05))
    await make_worker()
    run_id = await place.start()
    watching = asyncio.create_task(events(place, run_id))
    await asyncio.sleep(0.3)
    await place.services.redis.flushall()
    told = await watching
    kept = [each["id"] for each in told if "delta" not in each["type"]]
    await place.services.redis.flushall()
    later = await events(place, run_id)
    assert [each["id"] for each in later] == kept
    assert len(kept) == 21


async def test_a_run_whose_experts_all_fail(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    await add_expert("fail:500")
    await make_worker()
    run = await place.until(await place.start())
    assert run["status"] == "failed"
    assert run["error"]["code"] == "nothing_answered"
    usage = (await place.client.get(f"/admin/api/usage/{run['request_id']}")).json()
    assert (usage["status"], usage["error_code"]) == ("failed", "nothing_answered")


async def test_a_limit_is_kept_and_named(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    server = await add_expert(ten_steps())
    await make_worker()
    run = await place.until(await place.start(limits={"calls": 4}))
    assert run["status"] == "finished"
    assert "4 expert calls" in run["stopped"]
    assert len(server.ledger.requests) <= 4


async def test_what_experts_say_that_postgres_cannot_hold(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    await add_expert({"text": "<answer>one nul \x00 in it</answer>"})
    await make_worker()
    run = await place.until(await place.start())
    assert run["status"] == "finished"
    assert run["answer"].startswith("one nul   in it")


async def test_a_run_is_cancelled_in_the_middle(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    server = await add_expert(ten_steps(delay=0.3))
    await make_worker()
    run_id = await place.start()
    await eventually(lambda: len(server.ledger.requests) == 3)
    assert (await place.client.post(f"/v1/runs/{run_id}/cancel")).status_code == 202
    run = await place.until(run_id)
    assert run["status"] == "cancelled"
    assert run["spent"]["calls"] == 3  # the third was given up, and its prompt had been read
    seen = len(server.ledger.requests)
    await asyncio.sleep(0.5)
    assert len(server.ledger.requests) == seen
    assert server.ledger.cancelled == 1
    usage = (await place.client.get(f"/admin/api/usage/{run['request_id']}")).json()
    assert usage["status"] == "cancelled"
    assert usage["prompt_tokens"] == run["spent"]["prompt_tokens"]
    again = await place.client.post(f"/v1/runs/{run_id}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "run_ended")


async def test_a_run_is_cancelled_before_anybody_takes_it(
    place: Place, add_expert: AddExpert
) -> None:
    await add_expert(ten_steps())
    run_id = await place.start()
    answer = await place.client.post(f"/v1/runs/{run_id}/cancel")
    assert answer.json()["status"] == "cancelled"
    told = await events(place, run_id)
    assert [each["type"] for each in told] == ["run.finished"]


async def test_python_waits_for_approval_and_goes_on(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    turns = ["<python>print(6 * 7)</python>", "<answer>42</answer>"]
    server = await add_expert({"turns": turns, "replies": {"VERDICT": "VERDICT: CORRECT"}})
    await make_worker()
    run_id = await place.start(approval=["python"])
    run = await place.until(run_id, "waiting")
    waiting = [step for step in run["steps"] if step["status"] == "waiting"]
    assert [(step["kind"], step["input"]) for step in waiting] == [("python", "print(6 * 7)")]
    assert len(server.ledger.requests) == 1
    await asyncio.sleep(0.3)
    other = await place.client.post(f"/v1/runs/{run_id}/approve", json={"step": "act.9.9"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "step_not_waiting")
    assert (await place.client.post(f"/v1/runs/{run_id}/approve", json={})).status_code == 200
    run = await place.until(run_id)
    assert (run["status"], run["answer"]) == ("finished", "42")
    outputs = {step["key"]: step["output"].strip() for step in run["steps"]}
    assert outputs["act.1.1"] == "42"
    assert [asked(body) for body in server.ledger.requests] == ["turn 1", "turn 2", "check"]
    assert run["spent"]["seconds"] < 5
    told = [each for each in await events(place, run_id) if each["type"] == "step.waiting"]
    assert [each["step"]["key"] for each in told] == ["act.1.1"]


async def test_a_rejected_step_fails_and_the_conductor_is_told(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    turns = ["<python>print(1)</python>", "<answer>without</answer>"]
    server = await add_expert({"turns": turns, "replies": {"VERDICT": "VERDICT: CORRECT"}})
    await make_worker()
    run_id = await place.start(approval=["python"])
    await place.until(run_id, "waiting")
    body = {"reason": "no code today"}
    assert (await place.client.post(f"/v1/runs/{run_id}/reject", json=body)).status_code == 200
    run = await place.until(run_id)
    assert (run["status"], run["answer"]) == ("finished", "without")
    assert "no code today" in str(server.ledger.requests[1]["messages"][-1]["content"])


async def test_a_run_is_replayed_from_a_step_with_changes(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    script = ten_steps()
    script["replies"]["please-work anew"] = "something else is done"
    server = await add_expert(script)
    await make_worker()
    first = await place.until(await place.start())
    server.ledger.requests.clear()
    key = first["steps"][5]["key"]
    wanted = {"from_step": key, "changes": {"instruction": "please-work anew"}}
    answer = await place.client.post(f"/v1/runs/{first['id']}/replay", json=wanted)
    assert answer.status_code == 202, answer.text
    second = await place.until(answer.json()["id"])
    assert (second["replay_of"], second["replay_from"]) == (first["id"], key)
    assert [asked(body) for body in server.ledger.requests] == ["please-work anew", *TEN[6:]]
    assert [step["inherited"] for step in second["steps"]] == [True] * 5 + [False] * 5
    assert second["steps"][5]["output"] == "something else is done"
    assert second["spent"]["calls"] == 5
    usage = (await place.client.get(f"/admin/api/usage/{second['request_id']}")).json()
    assert usage["prompt_tokens"] == second["spent"]["prompt_tokens"]
    assert len({step["number"] for step in second["steps"]}) == 10


async def test_a_replay_can_be_told_what_a_step_came_to(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    server = await add_expert(ten_steps())
    await make_worker()
    first = await place.until(await place.start())
    server.ledger.requests.clear()
    wanted = {"from_step": "act.4.1", "changes": {"output": "part 4 was never done"}}
    answer = await place.client.post(f"/v1/runs/{first['id']}/replay", json=wanted)
    second = await place.until(answer.json()["id"])
    assert [asked(body) for body in server.ledger.requests] == ["turn 5", "check"]
    last = str(server.ledger.requests[0]["messages"][-1]["content"])
    assert "part 4 was never done" in last
    assert second["status"] == "finished"
    unknown = {"from_step": "act.99.1"}
    answer = await place.client.post(f"/v1/runs/{first['id']}/replay", json=unknown)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_step")


async def test_tenants_see_their_own_runs_and_admins_all(
    place: Place, add_expert: AddExpert
) -> None:
    await add_expert(ten_steps())
    ours, theirs = await place.as_tenant("ours"), await place.as_tenant("theirs")
    made = [(await ours.post("/v1/runs", json={"task": f"{n}"})).json()["id"] for n in range(3)]
    other = (await theirs.post("/v1/runs", json={"task": "x"})).json()["id"]
    first = (await ours.get("/v1/runs?limit=2")).json()
    rest = (await ours.get(f"/v1/runs?limit=2&after={first['next']}")).json()
    listed = [run["id"] for page in (first, rest) for run in page["data"]]
    assert listed == made[::-1]
    everybody = {run["id"] for run in (await place.client.get("/v1/runs")).json()["data"]}
    assert everybody == {*made, other}
    for path, method in [("", "GET"), ("/events", "GET"), ("/cancel", "POST"), ("/approve", "POST"),
                         ("/reject", "POST"), ("/replay", "POST")]:  # fmt: skip
        answer = await theirs.request(
            method,
            f"/v1/runs/{made[0]}{path}",
            json={"from_step": "x"} if path == "/replay" else {},
        )
        assert answer.status_code == 404, path
        assert answer.json()["error"]["code"] == "run_not_found"
    assert (await place.run(made[0]))["status"] == "queued"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ({"task": "a", "messages": [{"role": "user", "content": "a"}]}, None),
        ({"task": ""}, "task"),
        ({"task": "a\x00b"}, "task"),
        ({"messages": [{"role": "user", "content": {"deep": ["\x00"]}}]}, "messages[0]"),
        ({"task": "a", "strategy": "magic"}, "strategy"),
        ({"task": "a", "policy": "magic"}, "policy"),
        ({"task": "a", "approval": ["magic"]}, "approval[0]"),
        ({"task": "a", "limits": {"usd": 1e6}}, "limits.usd"),
        ({"task": "a", "limits": {"calls": 0}}, "limits.calls"),
        ({"task": "a", "webhook": "wh_" + "0" * 32}, "webhook"),
        ({"task": "a", "metadata": {"k": 1}}, "metadata.k"),
        ({"task": "a", "unheard": 1}, "unheard"),
    ],
)
async def test_what_is_wrong_with_a_request_is_said(
    place: Place, add_expert: AddExpert, body: dict[str, Any], param: str | None
) -> None:
    await add_expert(ten_steps())
    answer = await place.client.post("/v1/runs", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param
    assert (await place.client.get("/v1/runs")).json()["data"] == []


async def test_without_a_key_nothing_is_said(place: Place) -> None:
    for path in ("/v1/runs", "/v1/webhooks"):
        answer = await place.client.get(path, headers={"authorization": ""})
        assert answer.status_code == 401
