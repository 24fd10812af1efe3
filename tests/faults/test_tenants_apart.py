"""Two tenants that ask the same at the same time, in sessions of the same name, never meet."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import aiohttp
import httpx
import pytest

from tests.e2e.conftest import Server
from tests.faults.asking import make_keys, rows_by_id
from tests.faults.conftest import PRICE
from tests.faults.ledger import nanos_by_request
from tests.faults.stores import Cluster
from tests.faults.upstream import FaultyUpstream

TENANTS = ("blue", "green")
SESSION = {"x-coe-session": "one-and-the-same"}
CANARY = "zanzibarquince"
"""A word of the prompts that must be in no log."""
_REQUEST = re.compile(r"req_[0-9a-f]{32}")
_EACH = 60
_WRITTEN_SECONDS = 0.5
"""Until the other replica can know where a conversation is."""


async def _key(server: Server, tenant: str, experts: list[str]) -> str:
    return (await make_keys(server, [(tenant, experts)], tenant=tenant))[tenant]


@pytest.fixture(scope="module")
async def keys(cluster: Cluster) -> dict[str, str]:
    """A key of each tenant, for the same experts."""
    both = ["tagged.a", "tagged.b"]
    return {tenant: await _key(cluster.replicas[0], tenant, both) for tenant in TENANTS}


def _body(number: int) -> dict[str, Any]:
    words = f"{CANARY} number {number % 5}"
    asked: dict[str, Any] = {"model": "coe", "messages": [{"role": "user", "content": words}]}
    return asked | ({"stream": True} if number % 2 else {})


async def test_answers_and_usage_stay_with_who_asked(
    cluster: Cluster, unsteady_upstream: FaultyUpstream, keys: dict[str, str]
) -> None:
    asked: dict[str, str] = {}
    async with aiohttp.ClientSession() as session:

        async def ask(tenant: str, number: int) -> None:
            url = cluster.urls[number % 2] + "/v1/chat/completions"
            headers = {"authorization": f"Bearer {keys[tenant]}", **SESSION}
            async with session.post(url, json=_body(number), headers=headers) as answer:
                text = await answer.text()
                identifier = answer.headers["x-coe-request-id"]
            assert answer.status == 200, text
            assert identifier in text, "this is the answer to another request"
            assert not [one for one in asked if one in text]
            asked[identifier] = tenant

        await asyncio.gather(*(ask(t, n) for n in range(_EACH) for t in TENANTS))
    rows = await rows_by_id(cluster.replicas[0], asked)
    assert {identifier: rows[identifier][0]["tenant"] for identifier in asked} == asked
    bill = nanos_by_request(unsteady_upstream.ledger.taken, PRICE["input"], PRICE["output"])
    booked = {identifier: round(rows[identifier][0]["cost_usd"] * 1e9) for identifier in asked}
    assert booked == {identifier: bill[identifier] for identifier in asked}
    for tenant in TENANTS:
        mine = {identifier for identifier, whose in asked.items() if whose == tenant}
        await _sees_its_own(cluster.replicas[1], keys[tenant], mine, set(asked) - mine, bill)


async def test_answers_that_are_kept_stay_with_who_asked(
    cluster: Cluster, keys: dict[str, str]
) -> None:
    """Each answer names the request that it was made for: one of the same tenant."""
    answers: dict[str, tuple[str, str, str]] = {}
    async with aiohttp.ClientSession() as session:

        async def ask(tenant: str, number: int) -> None:
            url = cluster.urls[number % 2] + "/v1/chat/completions"
            headers = {"authorization": f"Bearer {keys[tenant]}"}
            body = _body(number) | {"coe": {"cache": True}}
            async with session.post(url, json=body, headers=headers) as answer:
                text = await answer.text()
                found = answer.headers
            assert answer.status == 200, text
            state = found["x-coe-cache"]
            answers[found["x-coe-request-id"]] = tenant, state, text

        await asyncio.gather(*(ask(t, n) for n in range(_EACH) for t in TENANTS))
    made_for = 0
    for tenant, state, text in answers.values():
        whose = {answers[one][0] for one in set(_REQUEST.findall(text)) if one in answers}
        assert whose == {tenant}, (state, text)
        made_for += state in {"hit", "shared"}
    # Of 60 requests of a tenant there are five prompts, whole and streamed; the rest are kept answers.
    assert made_for >= _EACH, "hardly any answer was kept"
    rows = await rows_by_id(cluster.replicas[0], answers)
    assert {one: rows[one][0]["tenant"] for one in answers} == {
        one: tenant for one, (tenant, _, _) in answers.items()
    }


async def _sees_its_own(
    server: Server, key: str, mine: set[str], others: set[str], bill: dict[str, int]
) -> None:
    """See that a tenant is told of its own requests, of all of them, and of no other."""
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
        listed = (await client.get("/v1/usage/requests", params={"limit": 500})).json()
        report = (await client.get("/v1/usage")).json()
        foreign = await client.get(f"/v1/usage/requests/{min(others)}")
    assert {row["request_id"] for row in listed["data"]} == mine
    assert report["totals"]["requests"] == len(mine)
    assert report["totals"]["cost_nanos"] == sum(bill[identifier] for identifier in mine)
    assert foreign.status_code == 404


def test_no_log_has_what_was_said_or_the_keys(cluster: Cluster, keys: dict[str, str]) -> None:
    for replica in cluster.replicas:
        log = replica.log
        assert log
        assert CANARY not in log
        assert not [key for key in keys.values() if key in log]


async def test_a_session_of_the_same_name_leads_nobody_else_anywhere(
    cluster: Cluster, keys: dict[str, str]
) -> None:
    """One tenant's conversation is with the expert that the router would not choose by itself."""
    first, second = cluster.replicas
    usual = await _answered_by(first, keys["green"], session="a-session-to-see")
    other = {"tagged.a": "tagged.b", "tagged.b": "tagged.a"}[usual]
    bound = await _key(first, "blue", [other])
    assert await _answered_by(first, bound) == other
    assert await _answered_by(first, keys["blue"]) == other, "the conversation does not stay"
    await asyncio.sleep(_WRITTEN_SECONDS)
    assert await _answered_by(second, keys["blue"]) == other, "nor on the other replica"
    for replica in (first, second):
        assert await _answered_by(replica, keys["green"]) == usual


async def _answered_by(server: Server, key: str, session: str = "the-same-again") -> str:
    said = [
        {"role": "user", "content": f"{CANARY} to begin with"},
        {"role": "assistant", "content": "an answer"},
        {"role": "user", "content": "and then"},
    ]
    headers = {"authorization": f"Bearer {key}", "x-coe-session": session}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
        asked = {"model": "coe", "messages": said}
        answer = await client.post("/v1/chat/completions", json=asked)
    assert answer.status_code == 200, answer.text
    return str(answer.headers["x-coe-expert"])
