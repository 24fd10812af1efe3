"""The service without a port, before a vendor that says what it is told to, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import pytest
from aiohttp import web

from experts.catalogue.expert import Endpoint, Expert, Price
from tests.integration.usage.conftest import Caller, Desk, database, desk

__all__ = ["database", "desk"]

NAMED = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}

PRICE = Price.model_validate(
    {
        "input": 1.0,
        "output": 2.0,
        "tiers": [{"above": 2000, "input": 2.0, "output": 3.0}],
        "service_tiers": [{"name": "flex", "input": 0.5, "output": 1.0}],
    }
)


def whole(message: dict[str, Any], **others: Any) -> bytes:
    """Return a chat completion."""
    finish = others.pop("finish_reason", "tool_calls" if "tool_calls" in message else "stop")
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return msgspec.json.encode({**NAMED, "choices": [choice], "usage": USAGE, **others})


def stream(
    *deltas: dict[str, Any],
    finish_reason: str | None = "stop",
    usage: Any = USAGE,
    **others: Any,
) -> bytes:
    """Return a stream of chat completions, its first delta with the role."""
    events: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in ({"role": "assistant", "content": ""}, *deltas)
    ]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
    if usage is not None:
        events.append({"choices": [], "usage": usage})
    lines = [msgspec.json.encode({**NAMED, **others, **fields}) for fields in events]
    return b"".join(b"data: %b\n\n" % line for line in (*lines, b"[DONE]"))


Events = list[tuple[str, dict[str, Any]]]


def events_of(answer: httpx.Response) -> Events:
    """Return a stream's events with their names; signs of life aside."""
    found = []
    for event in answer.text.strip().split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in event.split("\n"))
        if fields.get("event") != "ping" and "data" in fields:
            found.append((fields["event"], msgspec.json.decode(fields["data"])))
    return found


@dataclass
class Vendor:
    """Answers with these bytes, and keeps what it was asked."""

    reply: bytes = b""
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        streamed = self.asked[-1].get("stream") is True
        kind = "text/event-stream" if streamed else "application/json"
        return web.Response(body=self.reply, content_type=kind)


@pytest.fixture(scope="module")
async def running(desk: Desk) -> AsyncIterator[Vendor]:
    vendor = Vendor()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", vendor.answer)
    runner = web.AppRunner(app, shutdown_timeout=0, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    expert = Expert(
        id="vendor",
        provider="openai",
        model="m",
        endpoints=(Endpoint(url=f"http://127.0.0.1:{runner.addresses[0][1]}/v1"),),
        price=PRICE,
        capabilities=frozenset({"streaming", "tools", "json", "vision"}),
    )
    await desk.services.catalogue.create(expert, by="test")
    yield vendor
    await runner.cleanup()


@dataclass
class Talk:
    """A caller and the vendor behind the service."""

    desk: Desk
    caller: Caller
    vendor: Vendor

    async def post(self, path: str, body: dict[str, Any], reply: bytes) -> httpx.Response:
        """Ask the vendor, which will reply with these bytes."""
        self.vendor.reply = reply
        self.vendor.asked.clear()
        self.desk.services.breakers.health.reset("vendor")
        return await self.caller.post(path, {"model": "vendor", **body})

    @property
    def sent(self) -> dict[str, Any]:
        """What the vendor was asked."""
        (sent,) = self.vendor.asked
        return sent

    async def record(self, answer: httpx.Response) -> dict[str, Any]:
        """Return the usage record of a request."""
        await self.desk.services.drain.flush()
        name = answer.headers["x-coe-request-id"]
        row: dict[str, Any] = (await self.caller.get(f"/v1/usage/requests/{name}")).json()
        return row


@pytest.fixture
async def talk(desk: Desk, running: Vendor) -> Talk:
    return Talk(desk, await desk.caller(), running)
