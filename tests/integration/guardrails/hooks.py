"""Guardrails for the tests: what they do stands in the text they judge."""

from __future__ import annotations

import asyncio
from typing import Any

from orchestrator.guardrails.values import Event, Verdict

seen: list[Event] = []


async def judge(event: Event) -> Verdict | dict[str, Any] | None:
    """Block, flag, redact, hang or fail, by the first word of the last message."""
    seen.append(event)
    content = str(event.messages[-1].get("content"))
    match content.partition(" ")[0]:
        case "block-me":
            return Verdict("block", reason="it says so")
        case "flag-me":
            return {"outcome": "flag", "flags": [f"odd-{event.stage}"]}
        case "hang-me":
            await asyncio.sleep(60)
        case "fail-me":
            raise RuntimeError(content)
    if "47-11" in str(event.messages):
        told = [{**m, "content": str(m["content"]).replace("47-11", "***")} for m in event.messages]
        return {"outcome": "redact", "messages": told}
    return None
