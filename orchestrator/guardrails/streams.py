"""A stream's events as the messages they amount to, and messages as a stream. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from experts.providers import sse
from experts.providers.wire import UNREADABLE
from orchestrator.guardrails.values import Messages

_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")


class Whole:
    """The messages of a stream, put together from its chunks.

    Args:
        blocks: All events of the stream.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._messages: dict[int, dict[str, Any]] = {}
        self._calls: dict[int, dict[str, dict[str, Any]]] = {}
        self._finish: dict[int, Any] = {}
        self._head: dict[str, Any] = {}
        self._others: list[bytes] = []
        for block in blocks:
            for event in sse.split_events(block):
                self._add(event)

    @property
    def messages(self) -> Messages:
        """One message for each choice, in the order of their indices."""
        return [
            message
            | ({"tool_calls": list(self._calls[index].values())} if index in self._calls else {})
            for index, message in sorted(self._messages.items())
        ]

    def told_as(self, messages: Messages) -> list[bytes]:
        """Return the stream with other messages, each in one piece.

        Chunks without choices are kept: usage, explanation, an error, the end. Other events, which
        may tell what is not to be told, are not.
        """
        chunks = []
        for index, message in zip(sorted(self._messages), messages, strict=True):
            delta = dict(message)
            if isinstance(delta.get("tool_calls"), list):
                calls = enumerate(delta["tool_calls"])
                delta["tool_calls"] = [{"index": place, **call} for place, call in calls]
            chunks.append(self._chunk(index, delta, None))
            if finish := self._finish.get(index):
                chunks.append(self._chunk(index, {}, finish))
        return [*chunks, *self._others]

    def _chunk(self, index: int, delta: Mapping[str, Any], finish: Any) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        return sse.write_event(msgspec.json.encode({**self._head, "choices": [choice]}))

    def _add(self, event: bytes) -> None:
        fields = _fields(event)
        choices = fields.get("choices") if fields else None
        if not fields or not isinstance(choices, list):
            if sse.is_done(event) or (fields and "error" in fields):
                self._others.append(event)
            return
        if not choices and not _is_happening(fields):
            self._others.append(event)
        if not self._head:
            self._head = {
                name: fields[name]
                for name in ("id", "object", "created", "model")
                if name in fields
            }
        for choice in choices:
            if isinstance(choice, dict):
                self._add_choice(choice)

    def _add_choice(self, choice: dict[str, Any]) -> None:
        index = choice.get("index", 0)
        index = index if isinstance(index, int) else 0
        message = self._messages.setdefault(index, {"role": "assistant", "content": None})
        self._finish[index] = choice.get("finish_reason") or self._finish.get(index)
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return
        for name in _TEXTS:
            if isinstance(delta.get(name), str):
                message[name] = (message.get(name) or "") + delta[name]
        for piece in delta.get("tool_calls") or ():
            _add_call(self._calls.setdefault(index, {}), piece)


def _add_call(calls: dict[str, dict[str, Any]], piece: Any) -> None:
    """Add a piece of a tool call, which comes with its place and in parts."""
    if not isinstance(piece, dict):
        return
    empty = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
    call = calls.setdefault(str(piece.get("index", 0)), empty)
    call["id"] = piece.get("id") or call["id"]
    function = piece.get("function")
    for name in ("name", "arguments"):
        if isinstance(function, dict) and isinstance(function.get(name), str):
            call["function"][name] += function[name]


def _is_happening(fields: Mapping[str, Any]) -> bool:
    """Tell whether a chunk is an event of a strategy, which says what its steps and answer were."""
    extension = fields.get("coe")
    return isinstance(extension, Mapping) and "event" in extension


def _fields(event: bytes) -> dict[str, Any] | None:
    try:
        fields = msgspec.json.decode(sse.data_of(event) or b"")
    except UNREADABLE:
        return None
    return fields if isinstance(fields, dict) else None
