"""Chat completions as the dialects read them, whole or in chunks; each is decoded once."""

from __future__ import annotations

from typing import Any

import msgspec

from experts.errors import ExpertAnswerInvalid
from experts.providers import wire

_UNREADABLE = (*wire.UNREADABLE, msgspec.ValidationError)


class Function(msgspec.Struct):
    """The function of a tool call, or a piece of it."""

    name: str | None = None
    arguments: Any = None


class Call(msgspec.Struct):
    """A tool call, or a piece of it."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Said(msgspec.Struct):
    """A ``message`` or a ``delta``. Servers differ in what they call reasoning."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    thinking_blocks: Any = None
    """litellm's: thought as Anthropic signs it, beside the same as ``reasoning_content``."""
    refusal: Any = None
    tool_calls: list[Call] | None = None


class Choice(msgspec.Struct):
    """One of the answers; only the first is looked at."""

    index: int = 0
    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    """vLLM's: the stop sequence that ended the answer."""
    logprobs: Any = None


class Completion(msgspec.Struct):
    """A completion or a chunk of one."""

    choices: list[Choice] | None = None
    model: str | None = None
    usage: Any = None
    error: Any = None
    coe: Any = None


_decode = msgspec.json.Decoder(Completion).decode


def read(data: bytes) -> Completion:
    """Return a completion, or a chunk.

    Raises:
        ExpertAnswerInvalid: If it is none.
    """
    try:
        return _decode(data)
    except _UNREADABLE as error:
        raise ExpertAnswerInvalid("the expert's answer is not a chat completion") from error


def first_choice(completion: Completion) -> Choice | None:
    """Return the choice that the other protocols, which know only one, answer with."""
    return next((one for one in completion.choices or () if one.index == 0), None)


def logprobs_of(choice: Choice) -> list[Any]:
    """Return the log-probabilities of the content's tokens."""
    content = choice.logprobs.get("content") if isinstance(choice.logprobs, dict) else None
    return content if isinstance(content, list) else []
