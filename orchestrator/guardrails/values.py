"""What a guardrail is asked, and what it may say. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Stage = Literal["request", "answer"]
Outcome = Literal["allow", "block", "redact", "flag"]
Messages = list[dict[str, Any]]

MAX_FLAGS = 16
MAX_REASON = 500
_FLAG = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OUTCOMES = frozenset({"allow", "block", "redact", "flag"})
_KNOWN = frozenset({"outcome", "reason", "flags", "messages"})


@dataclass(frozen=True, slots=True)
class Event:
    """What a guardrail judges.

    Args:
        stage: ``request``: before an expert is chosen. ``answer``: before anything is sent back.
        request_id: Names the request in logs and in its usage record.
        tenant: Who asks.
        key_id: With which key.
        model: The model as the caller named it.
        messages: The conversation or, of an answer, one message for each choice, in OpenAI's form.
    """

    stage: Stage
    request_id: str
    tenant: str
    key_id: str
    model: str
    messages: Messages


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a guardrail says.

    Args:
        outcome: ``allow``, ``block``, ``redact`` (go on with other messages), or ``flag``.
        reason: Told to the caller with ``block``.
        flags: What was noticed; told in ``x-coe-flags``, whatever the outcome.
        messages: With ``redact``: what to go on with, as many as there were for an answer.
    """

    outcome: Outcome = "allow"
    reason: str = ""
    flags: tuple[str, ...] = ()
    messages: Messages | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What a guardrail did, as a usage record tells it: nothing of what was said, no reason.

    Args:
        guardrail: Its name.
        stage: What it judged.
        outcome: What it said, or ``failed``; not that it allowed what it had nothing to flag in.
        flags: What it noticed.
    """

    guardrail: str
    stage: Stage
    outcome: Outcome | Literal["failed"]
    flags: tuple[str, ...] = ()


class HookFailed(Exception):
    """A guardrail did not judge: it failed, was too slow, or said what cannot be read."""


def read_verdict(reply: Any, event: Event) -> Verdict:
    """Return what a guardrail's reply says; a Python one may also return nothing, to allow.

    Raises:
        HookFailed: If it says nothing that is known; what it failed to say is not taken for consent.
    """
    if reply is None:
        return Verdict()
    if isinstance(reply, Verdict):
        reply = {
            "outcome": reply.outcome,
            "reason": reply.reason,
            "flags": list(reply.flags),
            **({} if reply.messages is None else {"messages": reply.messages}),
        }
    if not isinstance(reply, Mapping) or reply.get("outcome") not in _OUTCOMES:
        raise HookFailed("its 'outcome' is none of allow, block, redact, flag")
    unknown = sorted(str(name) for name in reply.keys() - _KNOWN)
    if unknown:
        raise HookFailed(f"it says {unknown[0]!r}, which means nothing here")
    reason = reply.get("reason") or ""
    if not isinstance(reason, str):
        raise HookFailed("its 'reason' is no string")
    messages = _messages(reply, event) if reply["outcome"] == "redact" else None
    return Verdict(reply["outcome"], reason[:MAX_REASON], _flags(reply.get("flags")), messages)


def _flags(flags: Any) -> tuple[str, ...]:
    flags = flags or []
    if not isinstance(flags, list | tuple) or len(flags) > MAX_FLAGS:
        raise HookFailed(f"its 'flags' are no list of at most {MAX_FLAGS}")
    if not all(isinstance(flag, str) and _FLAG.fullmatch(flag) for flag in flags):
        raise HookFailed("a flag has letters, digits, '.', '_' and '-' only, up to 64")
    return tuple(flags)


def _messages(reply: Mapping[str, Any], event: Event) -> Messages:
    messages = reply.get("messages")
    if not isinstance(messages, list) or not messages:
        raise HookFailed("it redacts, and gives no 'messages' to go on with")
    if not all(isinstance(one, dict) and isinstance(one.get("role"), str) for one in messages):
        raise HookFailed("its 'messages' are no list of objects with a 'role'")
    if event.stage == "answer" and len(messages) != len(event.messages):
        raise HookFailed(f"an answer of {len(event.messages)} choices has as many 'messages'")
    return messages
