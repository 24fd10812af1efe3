"""An entry that is not saved is asked one question, and decisions on experts are kept."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from httpx import AsyncClient, Response

from experts.catalogue.expert import Expert
from experts.providers.scripted_server import ScriptedServer
from orchestrator.tenants.keys import Role
from tests.integration.routers.conftest import MakeReplica, Replica

TYPED = "sk-live-0123456789abcdefghij"
PRICE = {"input": 1.0, "output": 2.0}


def entry(**fields: Any) -> dict[str, Any]:
    return {"id": "fresh", "provider": "scripted", "model": "echo", "price": PRICE, **fields}


async def attempt(replica: Replica, expert: Any, **fields: Any) -> Response:
    body = {"expert": expert, "message": "one two", **fields}
    return await replica.client.post("/admin/api/trials", json=body)


async def as_role(replica: Replica, role: Role) -> dict[str, str]:
    _, key = await replica.services.keys.create(name="one", role=role, created_by="test")
    return {"authorization": f"Bearer {key}"}


async def test_an_entry_answers_before_it_is_saved(replica: Replica) -> None:
    answer = await attempt(replica, entry(enabled=False, fallbacks=["ada"]))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["ok"], told["error"]) == (True, None)
    assert "one two" in told["answer"]
    assert told["cost_usd"] == pytest.approx(
        (told["prompt_tokens"] + 2 * told["completion_tokens"]) / 1e6
    )
    assert told["duration_ms"] > 0
    assert (await replica.client.get("/admin/api/experts/fresh")).status_code == 404
    await replica.services.drain.flush()
    record = (await replica.client.get(f"/admin/api/usage/{told['request_id']}")).json()
    assert (record["api"], record["expert"], record["status"]) == ("experts.try", "fresh", "ok")
    assert record["cost_usd"] == pytest.approx(told["cost_usd"])


FAILING = {
    "fail:401": ("expert_misconfigured", "key"),
    "fail:404": ("expert_refused_request", "path"),
    "fail:400": ("expert_refused_request", "parameters"),
    "fail:503": ("expert_overloaded", "later"),
    "empty": ("expert_answer_invalid", "/v1"),
}


async def test_what_is_in_the_way_is_told_with_what_to_do(replica: Replica) -> None:
    for script, (code, word) in FAILING.items():
        async with ScriptedServer(script) as server:
            expert = entry(provider="openai", endpoints=[{"url": f"{server.url}"}])
            told = (await attempt(replica, expert)).json()
            assert len(server.ledger.requests) == 1, script
        assert (told["ok"], told["answer"], told["error"]["code"]) == (False, None, code), script
        assert word in told["error"]["advice"], script
    gone = (await attempt(replica, expert)).json()["error"]
    assert gone["code"] == "expert_unreachable"
    assert "server runs" in gone["advice"]


async def test_a_trial_changes_nothing_for_the_expert_of_that_id(replica: Replica) -> None:
    expert = replica.services.catalogue.current.experts["ada"]
    before = replica.services.caller.health.fleet(expert)
    for _ in range(6):
        told = (await attempt(replica, entry(id="ada", model="fail:401"))).json()
        assert told["ok"] is False
    assert replica.services.caller.health.fleet(expert) is before
    assert replica.services.caller.health.down() == frozenset()
    assert replica.services.catalogue.current.versions["ada"] == 1


async def test_what_could_not_be_saved_is_not_called(replica: Replica) -> None:
    wrong: list[tuple[Any, str]] = [
        (entry(id="No spaces"), "id"),
        (entry(provider="openai"), "endpoints"),
        (
            entry(provider="openai", endpoints=[{"url": "http://169.254.169.254/v1"}]),
            "endpoints[0].url",
        ),
        (entry(parameters={"api_key": TYPED}), "parameters.api_key"),
    ]
    for expert, param in wrong:
        error = (await attempt(replica, expert)).json()["error"]
        assert (error["code"], error["param"]) == ("invalid_expert", param)
        assert TYPED not in str(error)
    embeds = entry(capabilities=["embeddings"])
    assert (await attempt(replica, embeds)).json()["error"]["param"] == "capabilities"
    long = await attempt(replica, entry(), message="a" * 5_000)
    assert (long.status_code, long.json()["error"]["param"]) == (400, "message")
    many = await attempt(replica, entry(), max_tokens=100_000)
    assert (many.status_code, many.json()["error"]["param"]) == (400, "max_tokens")


async def test_a_secret_that_was_typed_is_nowhere_afterwards(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place: dict[str, Any] = {"url": "http://127.0.0.1:9/v1", "api_key": TYPED}
    answers = [await attempt(replica, entry(provider="openai", endpoints=[place]))]
    place = {"url": "http://127.0.0.1:9/v1", "headers": {"authorization": f"Bearer {TYPED}"}}
    answers += [await attempt(replica, entry(provider="openai", endpoints=[place]))]
    assert [one.status_code for one in answers] == [400, 400]
    log = (await replica.client.get("/admin/api/audit?limit=50")).text
    assert "/admin/api/trials" in log
    for told in (*(one.text for one in answers), caplog.text, log):
        assert TYPED not in told


async def test_only_an_admin_tries_and_within_its_limits(replica: Replica) -> None:
    client: AsyncClient = replica.client
    body = {"expert": entry()}
    headers = await as_role(replica, Role.EDITOR)
    refused = await client.post("/admin/api/trials", json=body, headers=headers)
    assert refused.status_code == 403
    limited = await client.put("/admin/api/limits/tenants/default", json={"requests_per_minute": 1})
    assert limited.is_success, limited.text
    codes = [(await attempt(replica, entry())).status_code for _ in range(2)]
    assert codes == [200, 429]


async def test_a_guardrail_judges_a_trial(make_replica: MakeReplica) -> None:
    hook = "tests.integration.guardrails.hooks:judge"
    replica = await make_replica(guardrails_before=hook)
    blocked = await attempt(replica, entry(), message="block-me now")
    assert (blocked.status_code, blocked.json()["error"]["code"]) == (403, "blocked_by_guardrail")
    told = (await attempt(replica, entry(), message="call 47-11")).json()
    assert "47-11" not in told["answer"]


EVIDENCE = {
    "source": "shots.jsonl",
    "prompts": 20,
    "right": 15,
    "needed": 9,
    "score": 0.75,
    "score_ci95": [0.53, 0.89],
    "above_chance": 0.67,
    "above_chance_ci95": [0.38, 0.85],
    "p_value": 0.001,
    "power": 0.9,
    "consistency": None,
    "reasons": ["15 of 20 answers are right; no fewer than 9 were needed"],
    "cost_usd": 0.01,
}
RULE = {"floor": 0.0, "level": 0.05, "power": 0.9, "margin": 0.1, "consistent": 0.0}


async def test_decisions_on_an_expert_are_kept_with_their_evidence(replica: Replica) -> None:
    client, path = replica.client, "/admin/api/experts/ada/admissions"
    assert (await client.get(path)).json()["data"] == []
    first = await client.post(
        path, json={"admitted": False, "rule": RULE, "evidence": {**EVIDENCE, "right": 3}}
    )
    assert first.status_code == 201, first.text
    changed = Expert(id="ada", provider="scripted", model="echo", name="Ada")
    await replica.services.catalogue.update(changed, by="test")
    second = await client.post(path, json={"admitted": True, "rule": RULE, "evidence": EVIDENCE})
    listed = (await client.get(f"{path}?limit=1")).json()
    assert listed["data"] == [second.json()]
    rest = (await client.get(f"{path}?limit=1&after={listed['next']}")).json()
    assert (rest["data"], rest["has_more"]) == ([first.json()], False)
    assert [one.json()["version"] for one in (first, second)] == [1, 2]
    assert second.json()["evidence"] == EVIDENCE
    assert second.json()["decided_by"].startswith("the admin (key_")


async def test_a_decision_that_cannot_be_is_not_kept(replica: Replica) -> None:
    client, body = replica.client, {"admitted": True, "rule": RULE, "evidence": EVIDENCE}
    unknown = await client.post("/admin/api/experts/nobody/admissions", json=body)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "expert_not_found")
    path = "/admin/api/experts/ada/admissions"
    odd = await client.post(path, json={**body, "evidence": {**EVIDENCE, "right": 21}})
    assert odd.status_code == 400
    assert "more answers are right" in odd.text
    headers = await as_role(replica, Role.VIEWER)
    assert (await client.post(path, json=body, headers=headers)).status_code == 403
    assert (await client.get(path, headers=headers)).json()["data"] == []
    assert (await client.get(f"{path}?after=x")).json()["error"]["param"] == "after"
