"""Plays a script: one request in, the reply of an OpenAI-speaking server out, fault for fault.

The same reply is read in-process by :mod:`experts.providers.scripted` and sent over a socket by
:mod:`experts.providers.scripted_server`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from experts.providers.protocol import Usage
from experts.providers.scripts import Script, ToolCall, count_prompt_tokens, tokens_of
from experts.providers.sse import DONE, write_event
from experts.providers.wire import (
    Head,
    chunk,
    completion,
    plain,
    read_messages,
    usage_chunk,
)

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
_CREATED = 1_700_000_000
_ARGUMENT_PIECE = 8
_WRONG_USAGE = {"prompt_tokens": -1, "completion_tokens": "many"}


class ConnectionBroken(Exception):
    """The script says that the connection ends here, as if the server had died."""


@dataclass(slots=True)
class Reply:
    """What the server says.

    Args:
        status: The HTTP status.
        body: The pieces of the body as they come. May raise :class:`ConnectionBroken`.
        content_type: As announced.
        headers: Further headers.
    """

    status: int
    body: AsyncGenerator[bytes, None]
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Scene:
    """The answer before any fault touches it."""

    head: Head
    text: str
    calls: tuple[ToolCall, ...]
    usage: Usage
    thought: str | None = None
    finish: str | None = None

    @property
    def finish_reason(self) -> str:
        return self.finish or ("tool_calls" if self.calls else "stop")


def play(script: Script, body: Mapping[str, Any], *, model: str, attempt: int = 0) -> Reply:
    """Return the reply to a request. The same request always gets the same reply.

    Args:
        script: What to say.
        body: The request by field.
        model: The model's name, repeated in the answer.
        attempt: How many calls this script has already answered; counts for ``failures``.
    """
    try:
        messages = read_messages(body)
    except ValueError as error:
        return failure(400, str(error))
    failing = script.status is not None and (script.failures is None or attempt < script.failures)
    if script.status is not None and failing:
        return failure(script.status, "scripted failure", script.retry_after, script.delay)
    salt = f"{model} {_seed_of(body)}"
    text, calls = script.answer_to(messages, salt=salt), script.calls_for(messages)
    written = tokens_of(text) if not calls else [call.arguments for call in calls]
    digest = hashlib.sha256(repr((model, messages)).encode()).hexdigest()[:24]
    scene = _Scene(
        head=Head(f"chatcmpl-{digest}", _CREATED, model),
        text=text,
        calls=calls,
        usage=Usage(count_prompt_tokens(messages), len(written)),
        thought=script.thought,
        finish=script.finish,
    )
    streamed = body.get("stream") in (True, msgspec.Raw(b"true"))
    content_type = EVENT_STREAM if streamed else JSON
    return Reply(
        200,
        _stream(script, scene) if streamed else _whole(script, scene),
        "text/html" if script.fault == "content_type" else content_type,
    )


def _seed_of(body: Mapping[str, Any]) -> Any:
    return plain(body.get("seed"))


def failure(
    status: int, message: str, retry_after: float | None = None, delay: float = 0.0
) -> Reply:
    """Return the reply of a server that fails.

    Args:
        status: The HTTP status.
        message: What it says.
        retry_after: Seconds for the ``Retry-After`` header.
        delay: Seconds before it says so.
    """

    async def body() -> AsyncGenerator[bytes, None]:
        await asyncio.sleep(delay)
        yield msgspec.json.encode({"error": {"message": message, "type": "scripted"}})

    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return Reply(status, body(), headers=headers)


async def _whole(script: Script, scene: _Scene) -> AsyncGenerator[bytes, None]:
    await asyncio.sleep(script.delay)
    if script.fault in {"hang", "hang_midway"}:
        await asyncio.Event().wait()
    answer = completion(
        scene.head,
        None if scene.calls else scene.text,
        thought=scene.thought,
        tool_calls=[_tool_fields(call, index) for index, call in enumerate(scene.calls)],
        finish_reason=scene.finish_reason,
        usage=scene.usage if script.usage == "right" else None,
    )
    if script.usage == "wrong":
        answer = answer[:-1] + b',"usage":' + msgspec.json.encode(_WRONG_USAGE) + b"}"
    if script.fault == "empty":
        answer = b'{"id":"x","object":"chat.completion","choices":[]}'
    if script.fault == "error_midway":
        answer = b'{"error":{"message":"scripted failure","type":"server_error"}}'
    if script.fault in {"malformed", "break_off", "half_event"}:
        yield answer[: len(answer) // 2]
        if script.fault != "malformed":
            raise ConnectionBroken
        return
    yield answer


async def _stream(script: Script, scene: _Scene) -> AsyncGenerator[bytes, None]:
    await asyncio.sleep(script.delay)
    if script.fault == "hang":
        await asyncio.Event().wait()
    if script.fault == "empty":
        return
    if script.fault == "malformed":
        yield b'data: {"id": nonsense\n\n'
        return
    pieces = [write_event(piece) for piece in _chunks(scene)]
    half = (len(pieces) + 1) // 2
    for index, piece in enumerate(pieces):
        if index:
            await asyncio.sleep(script.pace)
        if index == half and script.fault is not None:
            async for last in _midway(script.fault, piece):
                yield last
        yield piece
    for piece in _last_events(script, scene):
        yield piece


def _last_events(script: Script, scene: _Scene) -> Iterator[bytes]:
    if script.usage == "right":
        yield write_event(usage_chunk(scene.head, scene.usage))
    if script.usage == "wrong":
        yield write_event(msgspec.json.encode({"choices": [], "usage": _WRONG_USAGE}))
    if script.fault != "no_done":
        yield DONE


async def _midway(fault: str, piece: bytes) -> AsyncGenerator[bytes, None]:
    """Do what goes wrong in the middle of a stream, if anything does."""
    if fault == "hang_midway":
        await asyncio.Event().wait()
    if fault == "error_midway":
        yield write_event(b'{"error":{"message":"scripted failure","type":"server_error"}}')
    if fault == "half_event":
        yield piece[: len(piece) // 2]
    if fault in {"break_off", "half_event"}:
        raise ConnectionBroken


def _chunks(scene: _Scene) -> Iterator[bytes]:
    yield chunk(scene.head, {"role": "assistant", "content": None if scene.calls else ""})
    for token in tokens_of(scene.thought or ""):
        if token:
            yield chunk(scene.head, {"reasoning_content": token})
    if scene.calls:
        yield from _tool_chunks(scene)
    else:
        for token in tokens_of(scene.text):
            yield chunk(scene.head, {"content": token})
    yield chunk(scene.head, {}, scene.finish_reason)


def _tool_chunks(scene: _Scene) -> Iterator[bytes]:
    """Name all calls first, then let their arguments come interleaved, as parallel calls may."""
    for index, call in enumerate(scene.calls):
        named = _tool_fields(ToolCall(call.name, ""), index) | {"index": index}
        yield chunk(scene.head, {"tool_calls": [named]})
    longest = max(len(call.arguments) for call in scene.calls)
    for start in range(0, longest, _ARGUMENT_PIECE):
        for index, call in enumerate(scene.calls):
            piece = call.arguments[start : start + _ARGUMENT_PIECE]
            if piece:
                more = {"index": index, "function": {"arguments": piece}}
                yield chunk(scene.head, {"tool_calls": [more]})


def _tool_fields(call: ToolCall, index: int) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": f"call_{index}", "type": "function", "function": function}
