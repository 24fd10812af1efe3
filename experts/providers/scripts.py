"""Scripts: what a scripted expert says and how it misbehaves, as one small language.

A script is short text, steps joined by ``|``, or the same as an object::

    echo                         the last user message, word by word
    fixed:Hello                  always this text
    delay:0.2|fixed:Hello        0.2 s before the first token
    pace:0.05|echo               0.05 s before each further token
    think:Let me see             this thought before the answer
    finish:length                ended for this reason
    tool:add {"a": 1}            a tool call; several steps make parallel calls
    fail:503                     an HTTP status instead of an answer
    fail:429:7                   the same with "Retry-After: 7"
    flaky:2:503|echo             the first two calls fail, later ones answer
    refuse                       HTTP 400 with an error object
    hang | hang_midway           no first token | half the tokens, and then nothing more
    break_off | half_event       the connection ends early, between two events | inside one
    error_midway                 half the tokens, and then an error event
    malformed | empty            not JSON | no choices, no events
    content_type                 an answer announced as text/html
    usage:absent | usage:wrong   usage left out | not countable
    no_done                      a stream that ends without "[DONE]"

As an object (``parameters.script`` of a catalogue entry) the fields of :class:`Script` are used,
which also offer ``replies`` (text by what the last user message contains), ``turns`` (text by how
many answers the conversation already holds), and ``error_rate`` with ``wrong``: an expert that is
mistaken now and then, the same way whenever it is asked the same with the same ``seed``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

import msgspec

from experts.providers.wire import last_user_text, text_of

Fault = Literal[
    "hang",
    "hang_midway",
    "break_off",
    "half_event",
    "error_midway",
    "malformed",
    "empty",
    "content_type",
    "no_done",
]
FAULTS = frozenset(get_args(Fault))


class ToolCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tool call to be answered with: the tool's name and its arguments as JSON text."""

    name: str
    arguments: str = "{}"


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to answer.

    Args:
        text: The answer; ``None`` echoes the last user message.
        replies: Answers by a piece of text that the last user message contains; first match wins.
        turns: Answers by the number of assistant messages so far; the last one repeats.
        error_rate: Probability of an answer from ``wrong`` in place of the right one.
        wrong: Wrong answers, equally likely.
        thought: What the expert thinks before it answers.
        finish: Why the answer ends, if it is not for the usual reason.
        tool_calls: Tool calls to answer with, once; a conversation that already holds a tool's
            result gets the text.
        delay: Seconds before the answer or its first token.
        pace: Seconds before each further token.
        status: An HTTP status to answer with instead.
        retry_after: Seconds for the ``Retry-After`` header beside ``status``.
        failures: How many calls ``status`` lasts for; ``None`` for all of them.
        fault: How the answer goes wrong.
        usage: Whether the token counts are right.
    """

    text: str | None = None
    replies: dict[str, str] = {}
    turns: tuple[str, ...] = ()
    error_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    wrong: tuple[str, ...] = ("I do not know.",)
    thought: str | None = None
    finish: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    delay: float = 0.0
    pace: float = 0.0
    status: int | None = None
    retry_after: float | None = None
    failures: int | None = None
    fault: Fault | None = None
    usage: Literal["right", "absent", "wrong"] = "right"

    def answer_to(self, messages: Sequence[Mapping[str, Any]], *, salt: str = "") -> str:
        """Return the text of the answer to this conversation.

        Args:
            messages: The conversation.
            salt: What mistakes depend on beside the conversation.
        """
        asked = last_user_text(messages)
        if self.error_rate and self.wrong:
            digest = hashlib.sha256(repr((salt, messages)).encode("utf-8", "replace")).digest()
            if int.from_bytes(digest[:8]) / 2**64 < self.error_rate:
                return self.wrong[int.from_bytes(digest[8:16]) % len(self.wrong)]
        reply = next((self.replies[part] for part in self.replies if part in asked), self.text)
        if self.turns and reply is self.text:
            turn = sum(message.get("role") == "assistant" for message in messages)
            reply = self.turns[min(turn, len(self.turns) - 1)]
        return asked if reply is None else reply

    def calls_for(self, messages: Sequence[Mapping[str, Any]]) -> tuple[ToolCall, ...]:
        """Return the tool calls of the answer; none once a tool has answered."""
        answered = any(message.get("role") == "tool" for message in messages)
        return () if answered else self.tool_calls


def parse_script(source: str | Mapping[str, Any]) -> Script:
    """Read a script from its text or from an object.

    Raises:
        ValueError: If a step is unknown or its argument does not fit.
    """
    if not isinstance(source, str):
        return msgspec.convert(source, Script)
    fields: dict[str, Any] = {}
    for step in source.split("|"):
        name, _, argument = step.strip().partition(":")
        if name in FAULTS:
            fields["fault"] = name
        elif name in _STEPS:
            _STEPS[name](fields, argument)
        else:
            raise ValueError(f"unknown step {name!r} in script {source!r}")
    return msgspec.convert(fields, Script)


def tokens_of(text: str) -> list[str]:
    """Split text into tokens, words with the space before them; joined they are the text."""
    tokens: list[str] = []
    for word in text.split(" "):
        tokens.append(f" {word}" if tokens else word)
    return tokens


def count_prompt_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Count the words of all messages."""
    return sum(len(text_of(message.get("content")).split()) for message in messages)


def _failing(fields: dict[str, Any], argument: str) -> None:
    status, _, retry_after = argument.partition(":")
    fields["status"] = int(status)
    if retry_after:
        fields["retry_after"] = float(retry_after)


def _flaky(fields: dict[str, Any], argument: str) -> None:
    failures, _, status = argument.partition(":")
    fields |= {"failures": int(failures), "status": int(status or 503)}


def _tool(fields: dict[str, Any], argument: str) -> None:
    name, _, arguments = argument.partition(" ")
    call = {"name": name, "arguments": arguments or "{}"}
    fields["tool_calls"] = [*fields.get("tool_calls", ()), call]


_STEPS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "echo": lambda fields, _: fields.update(text=None),
    "fixed": lambda fields, text: fields.update(text=text),
    "think": lambda fields, text: fields.update(thought=text),
    "finish": lambda fields, reason: fields.update(finish=reason),
    "delay": lambda fields, seconds: fields.update(delay=float(seconds)),
    "pace": lambda fields, seconds: fields.update(pace=float(seconds)),
    "usage": lambda fields, kind: fields.update(usage=kind),
    "refuse": lambda fields, _: fields.update(status=400),
    "fail": _failing,
    "flaky": _flaky,
    "tool": _tool,
}
