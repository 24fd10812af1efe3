"""One answer in its two forms: a ``chat.completion`` object, and the stream that says the same. Pure.

An answer is kept in the form it came in and told in the one that is asked for, with its reasoning,
tool calls, other fields of its vendor, and usage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from experts.cache.entry import Entry
from experts.providers import sse
from experts.providers.wire import UNREADABLE

_PIECE = 48
"""Characters of a piece of text, where a whole answer is told as a stream."""
_TEXTS = ("reasoning_content", "reasoning", "refusal", "content")
_COMMON = ("id", "created", "model", "system_fingerprint", "service_tier")
_JOINED = frozenset({*_TEXTS, "arguments"})
"""Strings that come in pieces; any other is said once."""
_encode = msgspec.json.encode


class AnswerUnreadable(ValueError):
    """An answer that is not of the form it should have."""


def whole_of(entry: Entry) -> bytes:
    """Return the ``chat.completion`` object of an entry.

    Raises:
        AnswerUnreadable: If its stream makes none.
    """
    if entry.whole is not None:
        return entry.whole
    return _encode(joined(entry.streamed or b""))


def blocks_of(entry: Entry, *, usage_wanted: bool) -> Iterator[bytes]:
    """Yield the events of an entry as a stream, without ``[DONE]``.

    Args:
        entry: The entry.
        usage_wanted: Whether the chunk that counts tokens is asked for.

    Raises:
        AnswerUnreadable: If its answer cannot be told as a stream.
    """
    if entry.streamed is None:
        yield from pieces(_object(entry.whole or b""), usage_wanted=usage_wanted)
        return
    for event in sse.split_events(entry.streamed):
        kept = event if usage_wanted else sse.without_usage_chunk(event)
        if kept:
            yield kept


def is_told(answer: Mapping[str, Any]) -> bool:
    """Tell whether a ``chat.completion`` object can be told as a stream."""
    try:
        return any(pieces(answer, usage_wanted=False))
    except AnswerUnreadable:
        return False


def joined(events: bytes) -> dict[str, Any]:
    """Return the ``chat.completion`` object that a stream says.

    Raises:
        AnswerUnreadable: If a chunk is no JSON object, or nothing says anything.
    """
    answer: dict[str, Any] = {"object": "chat.completion"}
    choices: dict[int, dict[str, Any]] = {}
    for event in sse.split_events(events):
        data = sse.data_of(event)
        if data is None or data == b"[DONE]":
            continue
        chunk = _object(data)
        answer |= {name: chunk[name] for name in _COMMON if chunk.get(name) is not None}
        if chunk.get("usage"):
            answer["usage"] = chunk["usage"]
        for piece in chunk.get("choices") or ():
            if not isinstance(piece, dict):
                raise AnswerUnreadable("a choice that is no object")
            _add(choices.setdefault(piece.get("index", 0), {}), piece)
    if not choices:
        raise AnswerUnreadable("a stream without a choice")
    answer["choices"] = [_choice(index, choices[index]) for index in sorted(choices)]
    return answer


def pieces(answer: Mapping[str, Any], *, usage_wanted: bool) -> Iterator[bytes]:
    """Yield the events that say a ``chat.completion`` object piece by piece, without ``[DONE]``.

    Raises:
        AnswerUnreadable: If it is none.
    """
    common = {name: answer[name] for name in _COMMON if answer.get(name) is not None}
    common["object"] = "chat.completion.chunk"

    def event(index: int, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        return sse.write_event(_encode(common | {"choices": [choice]}))

    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise AnswerUnreadable("an answer without a choice")
    for place, choice in enumerate(choices):
        if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
            raise AnswerUnreadable("a choice without a message")
        index = choice.get("index", place)
        for delta in _deltas(choice["message"]):
            yield event(index, delta)
        last = {"index": index, "delta": {}, "finish_reason": choice.get("finish_reason")}
        rest = {n: v for n, v in choice.items() if n not in {"index", "message", "finish_reason"}}
        yield sse.write_event(_encode(common | {"choices": [last | rest]}))
    if usage_wanted and answer.get("usage"):
        yield sse.write_event(_encode(common | {"choices": [], "usage": answer["usage"]}))


def _deltas(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a message piece by piece: who speaks, what it thinks, what it says, what it calls."""
    yield {"role": message.get("role", "assistant"), "content": ""}
    for name in _TEXTS:
        text = message.get(name)
        if isinstance(text, str):
            for start in range(0, len(text), _PIECE):
                yield {name: text[start : start + _PIECE]}
    for index, call in enumerate(message.get("tool_calls") or ()):
        yield {"tool_calls": [{"index": index, **call}]}
    said = {"role", "tool_calls", *(n for n in _TEXTS if isinstance(message.get(n), str | None))}
    rest = {name: value for name, value in message.items() if name not in said}
    if rest:
        yield rest


def _add(choice: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Add what a chunk says of a choice."""
    for name, value in piece.items():
        if name == "delta":
            if isinstance(value, dict):
                _merge(choice.setdefault("message", {}), value)
        elif name == "logprobs" and isinstance(value, dict):
            _merge(choice.setdefault("logprobs", {}), value)
        elif value is not None:
            choice[name] = value


def _merge(into: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for name, value in delta.items():
        before = into.get(name)
        if value is None:
            into.setdefault(name, None)
        elif name == "tool_calls" and isinstance(value, list):
            _merge_calls(into, value)
        elif isinstance(before, str) and isinstance(value, str) and name in _JOINED:
            into[name] = before + value
        elif isinstance(before, dict) and isinstance(value, dict):
            _merge(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            before.extend(value)
        else:
            into[name] = dict(value) if isinstance(value, dict) else value


def _merge_calls(message: dict[str, Any], calls: list[Any]) -> None:
    known = message.setdefault("tool_calls", [])
    for call in calls:
        if not isinstance(call, dict):
            raise AnswerUnreadable("a tool call that is no object")
        index = call.get("index", len(known))
        found = next((one for one in known if one["index"] == index), None)
        if found is None:
            found = {"index": index}
            known.append(found)
        _merge(found, call)


def _choice(index: int, choice: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": None} | choice.get("message", {})
    if message["content"] == "" and message.get("tool_calls"):
        message["content"] = None
    for call in message.get("tool_calls") or ():
        call.pop("index", None)
    rest = {name: value for name, value in choice.items() if name not in {"message", "index"}}
    return {"index": index, "message": message, "finish_reason": None, **rest}


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data)
    except UNREADABLE as error:
        raise AnswerUnreadable(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise AnswerUnreadable("not a JSON object")
    return value
