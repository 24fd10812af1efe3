"""Anthropic's clients before Anthropic's models: what only the two of them know comes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiohttp import web

from experts.catalogue.expert import Endpoint, Expert
from tests.integration.dialects.conftest import events_of
from tests.integration.dialects.test_messages_behaviours import assembled
from tests.integration.usage.conftest import Caller, Desk

SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
CALLED = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}}
MARK = {"cache_control": {"type": "ephemeral"}}
USAGE = {
    "input_tokens": 10,
    "output_tokens": 5,
    "cache_read_input_tokens": 90,
    "cache_creation_input_tokens": 0,
}
HEAD = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "usage": USAGE}


class Claude:
    """Answers every request with signed thought and a tool call, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        if not body.get("stream"):
            ending = {"content": [SIGNED, CALLED], "stop_reason": "tool_use"}
            return web.json_response({**HEAD, **ending, "stop_sequence": None})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        import json

        for event in _events():
            line = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
            await response.write(line.encode())
        return response


def _events() -> list[dict[str, Any]]:
    def delta(index: int, **fields: Any) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": fields}

    def start(index: int, **block: Any) -> dict[str, Any]:
        return {"type": "content_block_start", "index": index, "content_block": block}

    return [
        {"type": "message_start", "message": {**HEAD, "content": [], "stop_reason": None}},
        start(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="Hm"),
        delta(0, type="thinking_delta", thinking="."),
        delta(0, type="signature_delta", signature=SIGNED["signature"]),
        {"type": "content_block_stop", "index": 0},
        start(1, type="tool_use", id="toolu_1", name="add", input={}),
        delta(1, type="input_json_delta", partial_json='{"a": '),
        delta(1, type="input_json_delta", partial_json="1}"),
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": USAGE},
        {"type": "message_stop"},
    ]


@pytest.fixture
async def claude(desk: Desk) -> AsyncIterator[Claude]:
    claude = Claude()
    app = web.Application()
    app.router.add_post("/v1/messages", claude.answer)
    runner = web.AppRunner(app, shutdown_timeout=0, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    expert = Expert(
        id="claude",
        provider="litellm",
        model="anthropic/claude-haiku-5-5",
        endpoints=(Endpoint(url=f"http://127.0.0.1:{runner.addresses[0][1]}"),),
        capabilities=frozenset({"streaming", "tools"}),
    )
    await desk.services.catalogue.create(expert, by="test")
    yield claude
    await desk.services.catalogue.retire("claude", by="test")
    await runner.cleanup()


async def test_marks_and_signatures_come_through(
    desk: Desk, claude: Claude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    caller = await desk.caller()
    for streamed in (False, True):
        claude.asked.clear()
        await _check(claude, caller, streamed)


async def _check(claude: Claude, caller: Caller, streamed: bool) -> None:
    asked: dict[str, Any] = {
        "model": "claude",
        "max_tokens": 4000,
        "stream": streamed,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "system": [{"type": "text", "text": "Be brief.", **MARK}],
        "tools": [{"name": "add", "input_schema": {"type": "object"}, **MARK}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "add", **MARK}]}],
    }
    told = _told(await caller.post("/v1/messages", asked), streamed)
    assert told["content"] == [SIGNED, CALLED]
    assert told["stop_reason"] == "tool_use"
    assert (told["usage"]["input_tokens"], told["usage"]["cache_read_input_tokens"]) == (10, 90)
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "2", **MARK}
    asked["messages"] += [
        {"role": "assistant", "content": told["content"]},
        {"role": "user", "content": [result]},
    ]
    _told(await caller.post("/v1/messages", asked), streamed)
    first, second = claude.asked
    assert first["system"][0]["cache_control"] == MARK["cache_control"]
    assert first["messages"][0]["content"][0]["cache_control"] == MARK["cache_control"]
    assert first["tools"][0]["cache_control"] == MARK["cache_control"]
    _, answered, results = second["messages"]
    assert answered["content"] == [SIGNED, CALLED]
    assert results["content"][0]["cache_control"] == MARK["cache_control"]


def _told(answer: httpx.Response, streamed: bool) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = assembled(events_of(answer)) if streamed else answer.json()
    return told
