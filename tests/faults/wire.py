"""OpenAI's wire as bytes: what the scripted upstream writes and how it reads a request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
DONE = b"data: [DONE]\n\n"


def event(fields: Mapping[str, Any]) -> bytes:
    """Write one server-sent event."""
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def chunk(model: str, delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
    """Write one chunk of a stream as an event."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    named = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    return event({**named, "choices": [choice]})


def completion(model: str, text: str, usage: object) -> bytes:
    """Write a whole answer."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    named = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
    counted = {} if usage is None else {"usage": usage}
    return json.dumps({**named, "choices": [choice], **counted}).encode()


async def read_request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes]:
    """Read one request; return its method, path, headers by lower-case name, and body.

    Raises:
        asyncio.IncompleteReadError: If the caller hangs up first.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = dict(_header(line) for line in lines if line)
    method, path, _ = first.split()
    return method, path, headers, await _read_body(reader, headers)


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def response(body: bytes) -> bytes:
    """Write a success with a body of JSON."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
