"""Asks the service through ``litellm`` and prints what came, as JSON. Arguments: address and key.

A program of its own: ``litellm`` leaves an event loop and connections open when a process ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import litellm

TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]


def main(url: str, key: str) -> None:
    def options(model: str, text: str, **more: Any) -> dict[str, Any]:
        messages = [{"role": "user", "content": text}]
        return {
            "model": f"openai/{model}",
            "api_base": f"{url}/v1",
            "api_key": key,
            "messages": messages,
            "max_retries": 0,
            **more,
        }

    def failure(model: str, **more: Any) -> list[Any]:
        try:
            litellm.completion(**options(model, "hi", **more))
        except Exception as error:  # noqa: BLE001 (which one it is, is what is printed)
            return [type(error).__name__, getattr(error, "status_code", None)]
        return []

    async def asynchronous() -> list[str]:
        whole = await litellm.acompletion(**options("coe-economy", "one two"))
        stream = await litellm.acompletion(**options("generalist", "three four", stream=True))
        parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
        return [whole.choices[0].message.content, "".join(parts)]

    usage_too = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(litellm.completion(**options("generalist", "one two three", **usage_too)))
    usages = [chunk.usage for chunk in chunks if getattr(chunk, "usage", None)]
    called = litellm.completion(**options("caller", "Add.", tools=TOOLS)).choices[0].message
    found = {
        "whole": litellm.completion(**options("coe", "one two three")).model_dump(),
        "streamed": [c.choices[0].delta.content or "" for c in chunks if c.choices],
        "streamed_usage": [[usage.prompt_tokens, usage.completion_tokens] for usage in usages],
        "tool_calls": [call.function.arguments for call in called.tool_calls],
        "asynchronous": asyncio.run(asynchronous()),
        "wrong_key": failure("coe", api_key="sk-coe-wrong"),
        "unknown_model": failure("no-such-model"),
        "refused": failure("refusing"),
        "failed": failure("failing"),
        "late": failure("overdue"),
    }
    sys.stdout.write("\n" + json.dumps(found, default=str))


main(*sys.argv[1:])
