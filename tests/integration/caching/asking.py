"""Requests to a replica over the test's stores, and what is known of their answers."""

from __future__ import annotations

import json
from typing import Any

from httpx import Response

from experts.catalogue.expert import Expert, Price
from tests.integration.routers.conftest import Replica

STATE = "x-coe-cache"
PLACE = "/admin/api/cache/tenants"
PRICE = Price(input=1.0, output=2.0)
EXPERT = "fixed:The answer is forty-two."


async def stocked(replica: Replica, model: str = EXPERT, **fields: Any) -> Replica:
    expert = Expert(id="ada", provider="scripted", model=model, price=PRICE, **fields)
    await replica.services.catalogue.apply([expert], by="test", prune=True)
    return replica


async def ask(
    replica: Replica, text: str = "one two", headers: Any = None, **fields: Any
) -> Response:
    messages = [{"role": "user", "content": text}]
    body = {"model": "ada", "messages": messages, "temperature": 0, **fields}
    return await replica.client.post("/v1/chat/completions", json=body, headers=headers)


async def recorded(replica: Replica, answer: Response) -> dict[str, Any]:
    await replica.services.drain.flush()
    path = f"/admin/api/usage/{answer.headers['x-coe-request-id']}"
    record: dict[str, Any] = (await replica.client.get(path)).json()
    return record


def said(answer: Response) -> str:
    """What an answer says, whole or streamed."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        content: str = answer.json()["choices"][0]["message"]["content"]
        return content
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    choices = [choice for event in events[:-1] for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
