"""The steps of a run in OpenAI's wire format: as reasoning for all clients, typed for those who ask."""

from __future__ import annotations

from typing import Any

import msgspec

from experts.providers.protocol import Usage
from experts.providers.sse import write_event
from experts.providers.wire import Head, chunk, usage_chunk
from orchestrator.conductor.events import (
    AnswerDelta,
    Event,
    RunFinished,
    StepDelta,
    StepFinished,
    StepStarted,
)
from orchestrator.conductor.values import Outcome, Step


def chunks_of(event: Event, head: Head, *, typed: bool) -> bytes:
    """Return the server-sent events that tell a client of an event; empty where none do.

    Standard clients see a finished step as ``reasoning_content`` and the answer as ``content``.

    Args:
        event: What happened.
        head: What all chunks of the answer have in common.
        typed: Whether the client asked for typed events; they come in the ``coe`` field of chunks
            without choices.
    """
    told = extension_chunk(head, _typed(event)) if typed else b""
    if isinstance(event, AnswerDelta):
        return told + write_event(chunk(head, {"content": event.text}))
    if isinstance(event, StepFinished) and not typed:
        return write_event(chunk(head, {"reasoning_content": step_text(event.step)}))
    return told


def ending(head: Head, finish_reason: str, usage: Usage | None) -> bytes:
    """Return the events that end an answer's content.

    Args:
        head: What all chunks of the answer have in common.
        finish_reason: Why it ends.
        usage: Told where the client asked for it.
    """
    last = write_event(chunk(head, {}, finish_reason))
    return last if usage is None else last + write_event(usage_chunk(head, usage))


def usage_of(steps: tuple[Step, ...]) -> Usage:
    """Return the tokens of all steps together."""
    return Usage(
        sum(step.prompt_tokens for step in steps),
        sum(step.completion_tokens for step in steps),
        sum(step.cached_tokens for step in steps),
        sum(step.reasoning_tokens for step in steps),
        sum(step.cache_write_tokens for step in steps),
        any(step.tokens_estimated for step in steps),
    )


def step_text(step: Step) -> str:
    """Return a finished step as a person reads it."""
    who = f" ({step.expert})" if step.expert else ""
    how = " failed" if step.status == "failed" else ""
    again = ", as before" if step.reused_from else ""
    return f"{step.number}. {step.title or step.kind}{who}{how}{again}\n{step.output}\n\n"


def step_fields(step: Step) -> dict[str, Any]:
    """Return a step as JSON data."""
    fields: dict[str, Any] = msgspec.to_builtins(step)
    fields.pop("fingerprint", None)
    return fields


def _typed(event: Event) -> dict[str, Any]:
    told: dict[str, Any] = {"type": event.type}
    if isinstance(event, StepStarted | StepFinished):
        told["step"] = step_fields(event.step)
    elif isinstance(event, StepDelta):
        told |= {"key": event.key, "text": event.text}
    elif isinstance(event, AnswerDelta):
        told["text"] = event.text
    elif isinstance(event, RunFinished):
        told["run"] = outcome_fields(event.outcome)
    return {"event": told}


def extension_chunk(head: Head, extension: dict[str, Any]) -> bytes:
    """Return the event of a chunk without choices that carries something of our own."""
    named = {"id": head.id, "object": "chat.completion.chunk", "created": head.created}
    told = {**named, "model": head.model, "choices": [], "coe": extension}
    return write_event(msgspec.json.encode(told))


def outcome_fields(outcome: Outcome) -> dict[str, Any]:
    """Return what a run came to as JSON data; the answer itself and the steps are elsewhere."""
    return {
        "strategy": outcome.strategy,
        "stopped": outcome.stopped,
        "verified": outcome.verified,
        "calls": outcome.calls,
        "tokens": outcome.tokens,
        "cost_usd": outcome.usd,
        "seconds": round(outcome.seconds, 3),
    }
