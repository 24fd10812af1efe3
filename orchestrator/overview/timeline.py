"""One request from its first byte to its end, as a list of what happened when. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

from pydantic import BaseModel, Field

from orchestrator.overview.steps import RequestStep, request_step

What = Literal["guardrail", "decided", "cache", "attempt", "step", "first_token", "end"]
"""In the order in which things of the same moment are told."""
_ORDER = get_args(What)
_BEFORE = ("read", "guardrails", "route", "cache")
"""Stages that lie before the record's own time begins."""
_CALL = ("expert", "endpoint", "error", "hedge", "prompt_tokens", "completion_tokens", "calls")
_DECISION = ("category", "policy", "rule", "reason", "uncertainty", "expert", "strategy")


class Event(BaseModel):
    """Something that happened to a request."""

    what: What
    at_ms: float = Field(description="Since the request came in.")
    duration_ms: float = Field(description="0 for a moment, and where it is not on record.")
    label: str = Field(description="For people.")
    outcome: str | None
    detail: dict[str, Any]


def timeline(row: Mapping[str, Any]) -> list[Event]:
    """Return what happened to a request, in order.

    Times before experts were called are as far apart as the record has them; older records have none
    of them, and begin with the first call.

    Args:
        row: Of the usage table.
    """
    stages: Mapping[str, float] = (row["timing"] or {}).get("stages") or {}
    begins = sum(stages.get(name, 0.0) for name in _BEFORE)
    steps = steps_of(row)
    events = [
        *_guarded(row, stages),
        *_decided(row, stages),
        *_cached(row, stages, begins),
        *(map(_step, steps) if steps else _called(row, begins + stages.get("limits", 0.0))),
        *_ended(row, begins),
    ]
    return sorted(events, key=lambda event: (event.at_ms, _ORDER.index(event.what)))


def steps_of(row: Mapping[str, Any]) -> list[RequestStep]:
    """Return what a strategy did for a request, by number; empty where none answered it."""
    stages: Mapping[str, float] = (row["timing"] or {}).get("stages") or {}
    begins = sum(stages.get(name, 0.0) for name in (*_BEFORE, "limits"))
    return [request_step(kept, begins) for kept in (row.get("steps") or {}).get("listed", ())]


def _guarded(row: Mapping[str, Any], stages: Mapping[str, float]) -> Iterator[Event]:
    at, took = stages.get("read", 0.0), stages.get("guardrails", 0.0)
    for note in row["guardrails"] or ():
        early = note.get("stage") == "request"
        yield _event(
            "guardrail",
            at if early else at + took + row["duration_ms"],
            f"Guardrail '{note.get('guardrail')}': {note.get('outcome')}",
            duration=took if early else 0.0,
            outcome=note.get("outcome"),
            detail=dict(note),
        )


def _decided(row: Mapping[str, Any], stages: Mapping[str, float]) -> Iterator[Event]:
    decision = row["decision"]
    if decision is None:
        return
    told = {name: decision[name] for name in _DECISION if decision.get(name) is not None}
    yield _event(
        "decided",
        stages.get("read", 0.0) + stages.get("guardrails", 0.0),
        f"Category '{row['category']}' to expert '{decision.get('expert')}'",
        duration=stages.get("route", 0.0),
        outcome=decision.get("rule"),
        detail=told,
    )


def _cached(row: Mapping[str, Any], stages: Mapping[str, float], begins: float) -> Iterator[Event]:
    if row["cache"] is None:
        return
    took = stages.get("cache", 0.0)
    words = {"miss": "Not in the cache", "shared": "Answered with another request of the same"}
    yield _event(
        "cache",
        begins - took,
        words.get(row["cache"], "Found in the cache"),
        duration=took,
        outcome=row["cache"],
        detail={"saved_tokens": row["saved_tokens"], "saved_usd": (row["saved_nanos"] or 0) / 1e9},
    )


def _called(row: Mapping[str, Any], begins: float) -> Iterator[Event]:
    for call in calls_of(row):
        outcome = call.get("outcome")
        times = f" ({call['calls']} calls)" if call.get("calls", 1) > 1 else ""
        told = {name: call.get(name) for name in _CALL if call.get(name) is not None}
        yield _event(
            "attempt",
            begins + (call.get("began_ms") or 0.0),
            f"Expert '{call.get('expert')}'{times}",
            duration=call.get("duration_ms") or 0.0,
            outcome=outcome,
            detail={**told, "cost_usd": (call.get("cost_nanos") or 0) / 1e9},
        )


def _step(step: RequestStep) -> Event:
    what = step.title or step.kind
    told = step.model_dump(exclude={"at_ms", "duration_ms", "status"}, exclude_none=True)
    return _event(
        "step",
        step.at_ms,
        f"{what}: expert '{step.expert}'" if step.expert and step.expert != what else what,
        duration=step.duration_ms,
        outcome=step.status,
        detail=told,
    )


def calls_of(row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the calls of experts that a request took, also where it was just one."""
    if row["attempts"] is not None:
        listed: Sequence[Mapping[str, Any]] = row["attempts"]
        return listed
    if row["expert"] is None or row["status"] == "interrupted":
        return ()
    return (
        {
            **{name: row[name] for name in _TOKENS},
            "expert": row["expert"],
            "version": row["expert_version"],
            "outcome": row["status"],
            "error": row["error_code"],
            "began_ms": 0.0,
            "duration_ms": row["duration_ms"],
            **((row["timing"] or {}).get("call") or {}),
        },
    )


_TOKENS = (
    "prompt_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cost_nanos",
)


def _ended(row: Mapping[str, Any], begins: float) -> Iterator[Event]:
    first = row["first_token_ms"]
    if first is not None and row["streamed"]:
        yield _event("first_token", begins + first, "First token", outcome=None, detail={})
    words = {
        "ok": "Answered",
        "failed": "Failed",
        "blocked": "Blocked by a guardrail",
        "cancelled": "The client went away",
        "interrupted": "The service was killed",
    }
    yield _event(
        "end",
        begins + row["duration_ms"],
        words.get(row["status"], row["status"]),
        outcome=row["status"],
        detail={} if row["error_code"] is None else {"error": row["error_code"]},
    )


def _event(
    what: Any,
    at: float,
    label: str,
    *,
    outcome: str | None,
    detail: dict[str, Any],
    duration: float = 0.0,
) -> Event:
    return Event(
        what=what,
        at_ms=round(at, 3),
        duration_ms=round(duration, 3),
        label=label,
        outcome=outcome,
        detail=detail,
    )
