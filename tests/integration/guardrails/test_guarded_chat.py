"""Guardrails around the running service: chat, streams, vectors, runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from httpx import ASGITransport, AsyncClient, Response

from experts.catalogue.expert import Expert
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from tests.integration.guardrails import hooks
from tests.integration.runs.conftest import ROUTER

JUDGE = f"{hooks.__name__}:judge"


@dataclass
class Place:
    services: Services
    client: AsyncClient

    async def ask(self, model: str, text: str, **fields: Any) -> Response:
        body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
        return await self.client.post("/v1/chat/completions", json=body)

    async def record(self, answer: Response) -> dict[str, Any]:
        """Return the usage record of a request."""
        await self.services.drain.flush()
        name = answer.headers["x-coe-request-id"]
        found = await self.client.get(f"/v1/usage/requests/{name}")
        assert found.status_code == 200, found.text
        row: dict[str, Any] = found.json()
        return row


@dataclass
class Server:
    """A guardrail that is a server."""

    url: str = ""
    reply: Any = None
    status: int = 200
    got: Any = None
    authorization: str = ""

    async def judge(self, request: web.Request) -> web.Response:
        self.got = await request.json()
        self.authorization = request.headers["authorization"]
        headers = {"location": self.url} if self.status == 302 else {}
        return web.json_response(self.reply, status=self.status, headers=headers)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_post("/judge", server.judge)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/judge"
    yield server
    await runner.cleanup()


@pytest.fixture
async def place(
    request: pytest.FixtureRequest,
    postgres_url: str,
    redis_url: str,
    tmp_path: Path,
    server: Server,
) -> AsyncIterator[Place]:
    wanted = {"before": JUDGE, "after": JUDGE, **getattr(request, "param", {})}
    settings = Settings(
        data_dir=tmp_path,
        guardrails_before=wanted["before"].replace("SERVER", server.url),
        guardrails_after=wanted["after"].replace("SERVER", server.url),
        guardrail_key="the-hooks-key",  # type: ignore[arg-type]
        guardrail_timeout=0.2,
        guardrail_streams=wanted.get("streams", "hold"),
        guardrail_failure=wanted.get("failure", "closed"),
    )
    hooks.seen.clear()
    urls = StoreUrls(postgres_url, redis_url, exclusive=False)
    async with open_services(settings, urls, ROUTER, {}) as services:
        for name, model in {
            "echo": "echo",
            "leaky": "fixed:the number is 47-11",
            "bad": "fixed:block-me now",
            "odd": "fixed:flag-me now",
            "slow": "fixed:hang-me now",
        }.items():
            entry = {"id": name, "provider": "scripted", "model": model}
            entry["accepts"] = [] if name == "echo" else ["executable"]  # type: ignore[assignment]
            await services.catalogue.create(Expert.model_validate(entry), by="test")
        _, key = await services.keys.create(name="a test's", role=Role.ADMIN, created_by="test")
        async with AsyncClient(
            transport=ASGITransport(create_app(services), raise_app_exceptions=False),
            base_url="http://test",
            headers={"authorization": f"Bearer {key}"},
        ) as client:
            yield Place(services, client)


def content(answer: Response) -> str:
    told: str = answer.json()["choices"][0]["message"]["content"]
    return told


def streamed(answer: Response) -> str:
    assert answer.text.endswith("data: [DONE]\n\n")
    events = [
        json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")
    ]
    return "".join(
        choice["delta"].get("content") or "" for event in events for choice in event["choices"]
    )


async def test_what_is_asked_is_blocked_flagged_and_redacted(place: Place) -> None:
    blocked = await place.ask("echo", "block-me please")
    assert blocked.status_code == 403
    error = blocked.json()["error"]
    assert error["code"] == "blocked_by_guardrail"
    assert error["message"] == "The request was blocked: it says so"
    flagged = await place.ask("echo", "flag-me please")
    assert flagged.headers["x-coe-flags"] == "odd-request,odd-answer"
    redacted = await place.ask("coe", "my number is 47-11")
    assert content(redacted) == "my number is ***"
    assert redacted.headers["x-coe-expert"] == "echo"
    ordinary = await place.ask("echo", "good day")
    assert content(ordinary) == "good day"
    assert "x-coe-flags" not in ordinary.headers
    event = hooks.seen[0]
    assert (event.stage, event.tenant, event.model) == ("request", "default", "echo")
    assert event.request_id == blocked.headers["x-coe-request-id"]


async def test_a_guardrail_that_fails_lets_nothing_through(place: Place) -> None:
    for text in ("hang-me", "fail-me with sk-hidden"):
        answer = await place.ask("echo", text)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "guardrail_unavailable"
        assert "hidden" not in answer.text
    assert (await place.ask("slow", "hello")).status_code == 503


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_answered_is_blocked_flagged_and_redacted(place: Place, stream: bool) -> None:
    read = streamed if stream else content
    blocked = await place.ask("bad", "hello", stream=stream)
    assert blocked.status_code == 403
    assert "now" not in blocked.text
    redacted = await place.ask("leaky", "hello", stream=stream, coe={"explain": True})
    assert read(redacted) == "the number is ***"
    assert "is 47-11" not in redacted.text.replace("fixed:the number is 47-11", "")
    assert '"cost_usd"' in redacted.text
    assert redacted.headers["x-coe-expert"] == "leaky"
    flagged = await place.ask("odd", "hello", stream=stream)
    assert (read(flagged), flagged.headers["x-coe-flags"]) == ("flag-me now", "odd-answer")
    ordinary = await place.ask("echo", "one two three", stream=stream)
    assert read(ordinary) == "one two three"


@pytest.mark.parametrize("place", [{"streams": "skip"}], indirect=True)
async def test_streams_may_go_unchecked(place: Place) -> None:
    answer = await place.ask("bad", "hello", stream=True)
    assert streamed(answer) == "block-me now"
    assert (await place.ask("bad", "hello")).status_code == 403
    assert (await place.ask("echo", "block-me", stream=True)).status_code == 403


@pytest.mark.parametrize("place", [{"failure": "open"}], indirect=True)
async def test_a_failure_may_be_consent(place: Place) -> None:
    answer = await place.ask("echo", "hang-me")
    assert (content(answer), answer.headers["x-coe-flags"]) == ("hang-me", "guardrail_failed")


@pytest.mark.parametrize("place", [{"before": "SERVER", "after": ""}], indirect=True)
async def test_a_guardrail_may_be_a_server(place: Place, server: Server) -> None:
    server.reply = {"outcome": "block", "reason": "not today"}
    answer = await place.ask("echo", "hello")
    assert answer.json()["error"]["message"] == "The request was blocked: not today"
    assert server.authorization == "Bearer the-hooks-key"
    assert server.got == {
        "stage": "request",
        "request_id": answer.headers["x-coe-request-id"],
        "tenant": "default",
        "key_id": server.got["key_id"],
        "model": "echo",
        "messages": [{"role": "user", "content": "hello"}],
    }
    server.reply = {"outcome": "redact", "messages": [{"role": "user", "content": "***"}]}
    assert content(await place.ask("echo", "hello")) == "***"
    for server.status in (500, 204, 302):
        assert (await place.ask("echo", "hello")).status_code == 503


async def test_what_a_run_is_to_do_is_judged_with_all_that_comes_with_it(place: Place) -> None:
    wanted = {"task": "my number is 47-11", "context": ["a passage"], "facts": [["a", "is", "b"]]}
    started = await place.client.post("/v1/runs", json=wanted)
    assert started.status_code == 202, started.text
    assert "47-11" not in started.text
    row = (await place.client.get(f"/v1/runs/{started.json()['id']}")).text
    assert "47-11" not in row
    said = [message["content"] for message in hooks.seen[-1].messages]
    assert said == ["my number is 47-11", "a passage", "a is b"]
    blocked = await place.client.post("/v1/runs", json={"task": "x", "context": ["block-me"]})
    assert blocked.json()["error"]["code"] == "blocked_by_guardrail"


async def test_passages_of_a_chat_request_are_judged_too(place: Place) -> None:
    answer = await place.ask("coe-cascade", "hello", coe={"context": ["block-me"]})
    assert answer.status_code == 403


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_redacted_answer_was_made_of_is_not_told(place: Place, stream: bool) -> None:
    await place.services.catalogue.retire("echo", by="test")
    script = {"text": "the number is 47-11"}
    leaky = {"id": "chatty", "provider": "scripted", "parameters": {"script": script}}
    await place.services.catalogue.create(Expert.model_validate(leaky), by="test")
    wanted = {"explain": True, "events": True}
    told = await place.ask("coe-cascade", "hello", stream=stream, coe=wanted)
    assert told.status_code == 200, told.text
    assert "***" in told.text
    assert "47-11" not in told.text
    assert '"cost_usd"' in told.text
    assert '"steps":null' in told.text
    assert told.text.count('"finish_reason":"stop"') == 1


def note(stage: str, outcome: str, *flags: str) -> dict[str, Any]:
    return {"guardrail": JUDGE, "stage": stage, "outcome": outcome, "flags": list(flags)}


async def test_a_request_that_is_blocked_is_on_record_and_costs_nothing(place: Place) -> None:
    blocked = await place.ask("echo", "block-me please", stream=True)
    row = await place.record(blocked)
    assert (row["status"], row["error_code"]) == ("blocked", "blocked_by_guardrail")
    assert (row["expert"], row["prompt_tokens"], row["cost_usd"]) == (None, 0, 0.0)
    assert (row["model"], row["streamed"], row["tokens_estimated"]) == ("echo", True, False)
    assert row["guardrails"] == [note("request", "block")]
    failed = await place.record(await place.ask("echo", "fail-me"))
    assert (failed["status"], failed["error_code"]) == ("failed", "guardrail_unavailable")
    assert failed["guardrails"] == [note("request", "failed")]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["bad", "coe-cascade"])
async def test_an_answer_that_is_blocked_is_on_record_as_blocked_and_paid_for(
    place: Place, stream: bool, model: str
) -> None:
    if model != "bad":  # the one expert a strategy may ask
        await place.services.catalogue.retire("echo", by="test")
        entry = {"id": "worse", "provider": "scripted", "model": "fixed:block-me now"}
        priced = {**entry, "price": {"input": 1, "output": 2}}
        await place.services.catalogue.create(Expert.model_validate(priced), by="test")
    blocked = await place.ask(model, "hello", stream=stream)
    assert blocked.status_code == 403
    assert blocked.json()["error"]["code"] == "blocked_by_guardrail"
    row = await place.record(blocked)
    assert (row["status"], row["error_code"]) == ("blocked", "blocked_by_guardrail")
    assert row["completion_tokens"] > 0
    assert row["guardrails"] == [note("answer", "block")]
    if model != "bad":
        assert row["cost_usd"] > 0
    listed = await place.client.get("/v1/usage/requests", params={"status": "blocked"})
    assert [each["request_id"] for each in listed.json()["data"]] == [row["request_id"]]
    sums = (await place.client.get("/v1/usage", params={"group_by": "status"})).json()
    assert (sums["totals"]["requests"], sums["totals"]["blocked"]) == (1, 1)
    assert sums["totals"]["failed"] == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_flagged_and_redacted_is_on_record_and_no_content_is(
    place: Place, stream: bool
) -> None:
    row = await place.record(await place.ask("echo", "flag-me please", stream=stream))
    assert row["status"] == "ok"
    assert row["guardrails"] == [
        note("request", "flag", "odd-request"),
        note("answer", "flag", "odd-answer"),
    ]
    redacted = await place.record(await place.ask("leaky", "hello", stream=stream))
    assert (redacted["status"], redacted["guardrails"]) == ("ok", [note("answer", "redact")])
    assert "47-11" not in str(redacted["guardrails"])
    ordinary = await place.record(await place.ask("echo", "good day", stream=stream))
    assert ordinary["guardrails"] is None


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True])
async def test_other_protocols_are_told_of_it_too(place: Place, path: str, stream: bool) -> None:
    asked = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 9}
    asked = asked if path == "/v1/messages" else {"input": "hello"}
    blocked = await place.client.post(path, json={"model": "bad", "stream": stream, **asked})
    assert blocked.status_code == 403
    assert blocked.json()["error"]["code"] == "blocked_by_guardrail"
    row = await place.record(blocked)
    assert (row["status"], row["api"]) == ("blocked", path.removeprefix("/v1/"))
