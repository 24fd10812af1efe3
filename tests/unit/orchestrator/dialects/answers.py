"""Answers of experts for these tests: the same one whole, and as the events of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import strategies as st

from experts.providers.sse import DONE, write_event
from orchestrator.dialects.completion import Completion, read

HEAD = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "upstream-model"}
USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 4},
}


@dataclass(frozen=True)
class Answer:
    """What an expert says.

    Args:
        thought: Reasoning, in pieces.
        said: Text, in pieces.
        refusal: A refusal, in pieces.
        calls: Tool calls: id, name, arguments in pieces.
        order: Which call each further piece of arguments belongs to; one after the other without.
        finish: The finish reason.
        usage: Tokens, or ``None`` where the expert does not count.
    """

    thought: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    refusal: tuple[str, ...] = ()
    calls: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    order: tuple[int, ...] = ()
    finish: str = "stop"
    usage: dict[str, Any] | None = None

    def whole(self) -> Completion:
        """The answer as a ``chat.completion``."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self.said) or None}
        if self.thought:
            message["reasoning_content"] = "".join(self.thought)
        if self.refusal:
            message["refusal"] = "".join(self.refusal)
        if self.calls:
            message["tool_calls"] = [
                {"id": id_, "type": "function", "function": {"name": name, "arguments": "".join(p)}}
                for id_, name, p in self.calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        body = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": self.usage}
        return read(msgspec.json.encode(body))

    def events(self) -> list[bytes]:
        """The answer as server-sent events."""
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": piece} for piece in self.thought]
        deltas += [{"content": piece} for piece in self.said]
        deltas += [{"refusal": piece} for piece in self.refusal]
        deltas += self._call_deltas()
        chunks = [choices({"index": 0, "delta": one, "finish_reason": None}) for one in deltas]
        chunks.append(choices({"index": 0, "delta": {}, "finish_reason": self.finish}))
        if self.usage is not None:
            chunks.append({"choices": [], "usage": self.usage})
        return [*map(event_of, chunks), DONE]

    def _call_deltas(self) -> list[dict[str, Any]]:
        waiting = [list(pieces) for _, _, pieces in self.calls]
        begun = [False] * len(self.calls)
        order = [turn % len(self.calls) for turn in self.order] if self.calls else []
        order += [index for index, pieces in enumerate(waiting) for _ in range(len(pieces) + 1)]
        deltas = []
        for index in order:
            id_, name, _ = self.calls[index]
            call: dict[str, Any] = {"index": index}
            if not begun[index]:
                begun[index] = True
                call |= {"id": id_, "type": "function", "function": {"name": name, "arguments": ""}}
            elif waiting[index]:
                call["function"] = {"arguments": waiting[index].pop(0)}
            else:
                continue
            deltas.append({"tool_calls": [call]})
        return deltas


def choices(*given: dict[str, Any]) -> dict[str, Any]:
    """A chunk with these choices."""
    return {"choices": list(given)}


def event_of(fields: dict[str, Any]) -> bytes:
    """A chunk as a server-sent event."""
    return write_event(msgspec.json.encode({**HEAD, "object": "chat.completion.chunk", **fields}))


def pieces(text: str, size: int) -> tuple[str, ...]:
    """A text cut into pieces."""
    return tuple(text[start : start + size] for start in range(0, len(text), size))


_TEXTS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=6), max_size=4)
_ARGUMENTS = st.dictionaries(
    st.text('ab{}"\\', max_size=3), st.integers() | st.text('{}"é', max_size=3), max_size=3
)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Any answer: some of everything, calls with their pieces mixed."""
    calls = []
    for number in range(draw(st.integers(0, 3))):
        arguments = msgspec.json.encode(draw(_ARGUMENTS)).decode()
        calls.append((f"id-{number}", f"tool_{number}", pieces(arguments, draw(st.integers(1, 8)))))
    return Answer(
        thought=tuple(draw(_TEXTS)),
        said=tuple(draw(_TEXTS)),
        refusal=tuple(draw(_TEXTS)),
        calls=tuple(calls),
        order=tuple(draw(st.lists(st.integers(0, 2), max_size=12))),
        finish=draw(st.sampled_from(["stop", "length", "content_filter", "tool_calls"])),
        usage=draw(st.sampled_from([None, USAGE])),
    )
