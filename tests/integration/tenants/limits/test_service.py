"""Limits as callers and admins meet them: the service over real stores, without a port."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from coe_client import AsyncCoe
from experts.catalogue.expert import Expert, Price
from experts.counting.counter import counted
from experts.pricing import cost_in_nanos
from experts.providers.protocol import Usage
from experts.providers.scripted_server import ScriptedServer
from experts.providers.scripts import count_prompt_tokens, tokens_of
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from orchestrator.usage.charges import added
from router import Category, HashingEmbedder, Taxonomy, build_router
from tests.databases import Databases

ROUTER = build_router(
    Taxonomy((Category("general", "General", "Everything."),)), HashingEmbedder(), name="test"
)
PRICE = Price(input=1_000.0, output=1_000.0)  # a token costs a thousandth of a dollar
LIMITS = "/admin/api/limits"


def question(words: str = "one two three", **fields: Any) -> dict[str, Any]:
    return {
        "model": "echo",
        "messages": [{"role": "user", "content": words}],
        "max_tokens": 50,
        **fields,
    }


class Desk:
    """The service, an admin's client, and clients of keys."""

    def __init__(self, services: Services, client: httpx.AsyncClient, admin: str) -> None:
        self.services = services
        self._client = client
        self._admin = {"authorization": f"Bearer {admin}"}

    async def admin(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self._client.request(method, path, headers=self._admin, **more)

    async def key(self, tenant: str, *experts: str) -> tuple[str, str]:
        """Make a key, for some experts or all; returns its id and itself."""
        record, key = await self.services.keys.create(
            name="a key", role=Role.USER, tenant=tenant, created_by="test", experts=experts or None
        )
        return record.id, key

    async def usage(self, request_id: str) -> dict[str, Any]:
        """Return the usage record of a request."""
        await self.services.drain.flush()
        found = await self.admin("GET", f"/admin/api/usage/{request_id}")
        assert found.status_code == 200, found.text
        record: dict[str, Any] = found.json()
        return record

    async def chat(self, key: str, **fields: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"}
        body = question(**fields)
        return await self._client.post("/v1/chat/completions", json=body, headers=headers)

    async def leaving(self, key: str, body: dict[str, Any], after: int) -> str:
        """Ask, go away after so many pieces of the answer, and return the request's id."""
        enough, pieces = asyncio.Event(), 0
        asked = iter([{"type": "http.request", "body": json.dumps(body).encode()}])
        answer = bytearray()

        async def receive() -> Any:
            if (message := next(asked, None)) is None:
                await enough.wait()
                return {"type": "http.disconnect"}
            return message

        async def send(message: Any) -> None:
            nonlocal pieces
            answer.extend(b" ".join(value for _, value in message.get("headers", ())))
            answer.extend(message.get("body", b""))
            pieces += message["type"] == "http.response.body"
            if pieces >= after:
                enough.set()

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/chat/completions",
            "raw_path": b"/v1/chat/completions",
            "query_string": b"",
            "headers": [
                (b"authorization", f"Bearer {key}".encode()),
                (b"content-type", b"application/json"),
            ],
        }
        await create_app(self.services)(scope, receive, send)
        found = re.search(rb"req_[0-9a-f]{32}", answer)
        assert found, answer
        return found[0].decode()

    async def use(self, path: str) -> dict[str, tuple[float, float]]:
        """Return what is used and reserved, by limit."""
        view = (await self.admin("GET", f"{LIMITS}/{path}")).json()
        return {use["limit"]: (use["used"], use["reserved"]) for use in view["use"]}


@pytest.fixture(scope="module")
async def desk(
    databases: Databases, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    async with Redis.from_url(redis_server) as redis:
        await redis.flushall()
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    with databases.lent() as database:
        urls = StoreUrls(database, redis_server, exclusive=True)
        async with open_services(settings, urls, ROUTER, {}) as services:
            expert = Expert(id="echo", provider="scripted", model="echo", price=PRICE)
            await services.catalogue.create(expert, by="test")
            _, admin = await services.keys.create(name="it", role=Role.ADMIN, created_by="test")
            transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                yield Desk(services, client, admin)


async def test_limits_are_set_shown_listed_and_taken_away(desk: Desk) -> None:
    key_id, key = await desk.key("managed")
    tenant = {"requests_per_minute": 100, "usd_per_month": 2.5}
    put = await desk.admin("PUT", f"{LIMITS}/tenants/managed", json=tenant)
    assert put.status_code == 200, put.text
    mine = await desk.admin("PUT", f"{LIMITS}/keys/{key_id}", json={"concurrent_requests": 3})
    assert mine.status_code == 200, mine.text
    assert (await desk.chat(key)).status_code == 200
    shown = (await desk.admin("GET", f"{LIMITS}/tenants/managed")).json()
    assert (shown["requests_per_minute"], shown["usd_per_month"], shown["key_id"]) == (
        100, 2.5, None,
    )  # fmt: skip
    spent = {use["limit"]: use for use in shown["use"]}["usd_per_month"]
    assert spent["used"] > 0
    assert spent["remaining"] == pytest.approx(2.5 - spent["used"])
    assert spent["resets_at"].endswith("-01T00:00:00Z")
    assert (await desk.use(f"keys/{key_id}")) == {"concurrent_requests": (0, 0)}

    first = (await desk.admin("GET", f"{LIMITS}?limit=1")).json()
    rest = (await desk.admin("GET", f"{LIMITS}?after={first['next']}")).json()
    places = [(view["tenant"], view["key_id"]) for view in (*first["data"], *rest["data"])]
    assert places == [("managed", key_id), ("managed", None)]

    for path in (f"{LIMITS}/tenants/managed", f"{LIMITS}/keys/{key_id}"):
        assert (await desk.admin("DELETE", path)).status_code == 204
        assert (await desk.admin("DELETE", path)).status_code == 404
        assert (await desk.admin("GET", path)).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("tenants/nobody", {"requests_per_minute": 1}, 404, "tenant"),
        (f"keys/key_{'0' * 32}", {"requests_per_minute": 1}, 404, "key_id"),
        ("tenants/default", {}, 400, None),
        ("tenants/default", {"requests_per_minute": 0}, 400, "requests_per_minute"),
        ("tenants/default", {"usd_per_day": -1}, 400, "usd_per_day"),
        ("tenants/default", {"requests": 5}, 400, "requests"),
    ],
)
async def test_what_cannot_be_set(
    desk: Desk, path: str, body: dict[str, Any], status: int, param: str | None
) -> None:
    answer = await desk.admin("PUT", f"{LIMITS}/{path}", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


async def test_only_admins_set_limits(desk: Desk) -> None:
    _, key = await desk.key("default")
    answer = await desk._client.put(
        f"{LIMITS}/tenants/default", json={}, headers={"authorization": f"Bearer {key}"}
    )
    assert answer.status_code in {400, 403}
    answer = await desk._client.delete(
        f"{LIMITS}/tenants/default", headers={"authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_says_what_is_left_and_a_refusal_when(desk: Desk, stream: bool) -> None:
    key_id, key = await desk.key("rated")
    limits = {"requests_per_minute": 2, "tokens_per_minute": 1_000}
    await desk.admin("PUT", f"{LIMITS}/keys/{key_id}", json=limits)
    first = await desk.chat(key, stream=stream)
    assert first.status_code == 200, first.text
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert first.headers["x-ratelimit-reset-requests"] == "1m1s"
    assert 930 <= int(first.headers["x-ratelimit-remaining-tokens"]) <= 950
    tokens, _ = (await desk.use(f"keys/{key_id}"))["tokens_per_minute"]
    assert 6 <= tokens < 20  # by then it is known how many it really took
    assert (await desk.chat(key)).status_code == 200
    third = await desk.chat(key)
    assert third.status_code == 429
    assert third.json()["error"]["code"] == "rate_limit_exceeded"
    assert third.json()["error"]["type"] == "rate_limit_error"
    assert third.headers["x-ratelimit-remaining-requests"] == "0"
    assert 1 <= int(third.headers["retry-after"]) <= 61


async def test_a_failed_call_gives_back_what_was_reserved(desk: Desk) -> None:
    expert = Expert(id="broken", provider="scripted", model="fail:500", price=PRICE)
    await desk.services.catalogue.create(expert, by="test")
    key_id, key = await desk.key("unlucky")
    limits = {"usd_per_day": 1, "concurrent_requests": 1}
    await desk.admin("PUT", f"{LIMITS}/keys/{key_id}", json=limits)
    for _ in range(3):
        assert (await desk.chat(key, model="broken")).status_code == 502
    use = await desk.use(f"keys/{key_id}")
    assert use == {"usd_per_day": (0, 0), "concurrent_requests": (0, 0)}


async def test_two_hundred_at_once_on_a_nearly_empty_budget(desk: Desk) -> None:
    """They overspend by no more than what the last cost beyond what was expected: here nothing."""
    _, key = await desk.key("poor")
    await desk.admin("PUT", f"{LIMITS}/tenants/poor", json={"usd_per_day": 0.5})
    answers = await asyncio.gather(*(desk.chat(key, max_tokens=30) for _ in range(200)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 402}
    refused = next(answer for answer in answers if answer.status_code == 402)
    error = refused.json()["error"]
    assert (error["code"], error["type"]) == ("budget_exceeded", "insufficient_budget")
    assert "The tenant has a budget of $0.50 a day" in error["message"]
    spent, reserved = (await desk.use("tenants/poor"))["usd_per_day"]
    assert reserved == 0
    assert 0 < spent <= 0.5


async def test_a_strategy_reserves_its_own_limit_and_is_settled_by_its_steps(desk: Desk) -> None:
    _, key = await desk.key("strategic")
    path = f"{LIMITS}/tenants/strategic"
    await desk.admin("PUT", path, json={"usd_per_day": 0.2, "concurrent_requests": 1})
    explained = {"model": "coe-direct", "coe": {"explain": True}}
    answer = await desk.chat(key, **explained)
    assert answer.status_code == 200, answer.text
    cost = answer.json()["coe"]["cost_usd"]
    assert cost > 0
    use = await desk.use("tenants/strategic")
    assert use["usd_per_day"] == (pytest.approx(cost), 0)
    assert use["concurrent_requests"] == (0, 0)
    await desk.admin("PUT", path, json={"usd_per_day": cost})
    assert (await desk.chat(key, **explained)).status_code == 402


async def test_the_clients_manage_limits(desk: Desk) -> None:
    key_id, _ = await desk.key("handled")
    admin = desk._admin["authorization"].removeprefix("Bearer ")
    coe = AsyncCoe(base_url="http://test", api_key=admin, http_client=desk._client)
    made = await coe.limits.set(key_id=key_id, requests_per_minute=5, usd_per_day=0.5)
    assert (made.tenant, made.key_id, made.usd_per_day) == ("handled", key_id, 0.5)
    shown = await coe.limits.get(key_id=key_id)
    assert made.model_dump(exclude={"use"}) == shown.model_dump(exclude={"use"})
    assert [use.most for use in shown.use or ()] == [5, 0.5]
    assert key_id in [record.key_id async for record in coe.limits.list(page_size=1)]
    await coe.limits.remove(key_id=key_id)
    assert key_id not in [record.key_id async for record in coe.limits.list()]
    with pytest.raises(ValueError, match="either a tenant or a key_id"):
        await coe.limits.get()


async def test_keys_of_a_tenant_share_its_budget_and_tenants_do_not(desk: Desk) -> None:
    _, one = await desk.key("sharing")
    _, two = await desk.key("sharing")
    _, other = await desk.key("apart")
    await desk.admin("PUT", f"{LIMITS}/tenants/sharing", json={"requests_per_minute": 2})
    assert [(await desk.chat(key)).status_code for key in (one, two, one, two, other)] == [
        200, 200, 429, 429, 200,
    ]  # fmt: skip


async def test_a_dearer_expert_steps_in_only_where_the_budget_holds_it(desk: Desk) -> None:
    """200 at once whose first expert fails: what falls over to a dearer one is within the budget."""
    dear = PRICE.model_copy(update={"input": 3_000.0, "output": 3_000.0})
    entries = (("down", "fail:500", PRICE, 70.0), ("dear", "delay:0.02|echo", dear, 7.0))
    for name, model, price, size in entries:
        expert = Expert(
            id=name, provider="scripted", model=model, price=price, active_parameters=size
        )
        await desk.services.catalogue.create(expert, by="test")
    _, poor = await desk.key("fallen", "down", "dear")
    await desk.admin("PUT", f"{LIMITS}/tenants/fallen", json={"usd_per_day": 0.1})
    failed = await desk.chat(poor, model="coe-quality", max_tokens=30)
    assert failed.status_code == 502
    calls = (await desk.usage(failed.json()["error"]["request_id"]))["attempts"]
    told = calls[0]["expert"], calls[0]["outcome"], calls[0]["error"]
    assert told == ("dear", "skipped", "budget_exceeded")
    assert {one["cost_nanos"] for one in calls} == {0}

    _, key = await desk.key("falling", "down", "dear")
    await desk.admin("PUT", f"{LIMITS}/tenants/falling", json={"usd_per_day": 1})
    asked = [desk.chat(key, model="coe-quality", max_tokens=30) for _ in range(200)]
    answers = await asyncio.gather(*asked)
    # Answered, refused from the start, or left with an expert that fails and one that costs too much.
    statuses = {answer.status_code for answer in answers}
    assert 402 in statuses <= {200, 402, 502}
    later = await desk.chat(key, model="coe-quality", max_tokens=30)  # nobody else reserves now
    assert (later.status_code, later.headers["x-coe-expert"]) == (200, "dear")
    spent, reserved = (await desk.use("tenants/falling"))["usd_per_day"]
    assert reserved == 0
    assert 0 < spent <= 1


async def test_a_strategy_costs_what_its_experts_served_failures_included(desk: Desk) -> None:
    """Steps, the record and the budget agree with the experts' own books, to the billionth."""
    words = "one two three four five six seven eight"
    scripts = {"sound": "fixed:The answer is 4.", "breaking": f"break_off|fixed:{words}"}
    async with AsyncExitStack() as stack:
        servers = {}
        for name, script in scripts.items():
            server = servers[name] = await stack.enter_async_context(ScriptedServer(script))
            expert = Expert(
                id=name,
                provider="openai",
                model="any",
                endpoints=({"url": server.url},),  # type: ignore[arg-type]
                price=PRICE,
                capabilities=frozenset({"streaming"}),
            )
            await desk.services.catalogue.create(expert, by="test")
        _, key = await desk.key("exact", *scripts)
        await desk.admin("PUT", f"{LIMITS}/tenants/exact", json={"usd_per_day": 100})
        answer = await desk.chat(
            key, model="coe-panel", words="What is 2 + 2?", max_tokens=None, coe={"explain": True}
        )
    assert answer.status_code == 200, answer.text
    assert len(servers["breaking"].ledger.requests) >= 1
    books = Usage(0, 0)
    for name, server in servers.items():
        for body in server.ledger.requests:
            books = added(books, await served(name, body["messages"], scripts[name]))
    explained = answer.json()["coe"]
    usage = await desk.usage(explained["request_id"])
    nanos = cost_in_nanos(books, PRICE)
    assert round(usage["cost_usd"] * 1e9) == nanos
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (
        books.prompt_tokens, books.completion_tokens,
    )  # fmt: skip
    assert sum(round(step["usd"] * 1e9) for step in explained["steps"]) == nanos
    assert round(explained["run"]["cost_usd"] * 1e9) == nanos
    assert any(step["status"] == "failed" and step["usd"] > 0 for step in explained["steps"])
    assert sum(call["cost_nanos"] for call in usage["attempts"]) == nanos
    spent, reserved = (await desk.use("tenants/exact"))["usd_per_day"]
    assert (round(spent * 1e9), reserved) == (nanos, 0)


async def served(name: str, messages: list[dict[str, Any]], script: str) -> Usage:
    """Return what an expert's own book says of a call, or what is thought of one that broke off."""
    text = script.partition("fixed:")[2]
    if name == "sound":
        return Usage(count_prompt_tokens(messages), len(tokens_of(text)))
    half = "".join(tokens_of(text)[: len(tokens_of(text)) // 2])
    return await counted("any", messages=messages, written=half)


async def test_a_strategy_whose_client_goes_away_has_cost_what_was_written(desk: Desk) -> None:
    words = " ".join("abcdefghij" * 10)
    expert = Expert(
        id="slow",
        provider="scripted",
        model=f"pace:0.01|fixed:{words}",
        price=PRICE,
        capabilities=frozenset({"streaming"}),
    )
    await desk.services.catalogue.create(expert, by="test")
    _, key = await desk.key("leaving", "slow")
    await desk.admin("PUT", f"{LIMITS}/tenants/leaving", json={"usd_per_day": 100})
    body = question(model="coe-direct", max_tokens=None, stream=True, coe={"events": True})
    request_id = await desk.leaving(key, body, after=10)
    usage = await desk.usage(request_id)
    assert (usage["status"], usage["tokens_estimated"]) == ("cancelled", True)
    assert 1 <= usage["completion_tokens"] < 40
    assert round(usage["cost_usd"] * 1e6) == 1_000 * (
        usage["prompt_tokens"] + usage["completion_tokens"]
    )
    spent, reserved = (await desk.use("tenants/leaving"))["usd_per_day"]
    assert (round(spent * 1e9), reserved) == (round(usage["cost_usd"] * 1e9), 0)


@pytest.mark.parametrize("stream", [False, True])
async def test_what_breaks_off_is_charged_as_its_vendor_counts(desk: Desk, stream: bool) -> None:
    """From answers that are counted it is learned how; this vendor counts words, and no template."""
    name = f"slow-{'streamed' if stream else 'whole'}"
    said = "alpha beta gamma delta epsilon zeta eta theta"
    expert = Expert(
        id=name,
        provider="scripted",
        model=f"pace:0.006|fixed:{said}",
        price=PRICE,
        capabilities=frozenset({"streaming"}),
    )
    await desk.services.catalogue.create(expert, by="test")
    _, key = await desk.key(name, name)
    for number in range(18):
        words = "word " * (1 + number % 6)
        answer = await desk.chat(key, model=name, words=words, stream=stream)
        assert answer.status_code == 200, answer.text
    body = question("word word word word word word", model=name, stream=True)
    usage = await desk.usage(await desk.leaving(key, body, 6))
    assert (usage["status"], usage["tokens_estimated"]) == ("cancelled", True)
    unlearned = await counted("echo", messages=body["messages"])
    assert unlearned.prompt_tokens > 10
    assert usage["prompt_tokens"] == 6
    assert 1 <= usage["completion_tokens"] <= 8
