"""A log line for each request that took long, with where the time went."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.kit import logs_context
from orchestrator.kit.logs import facts
from orchestrator.usage.record import UsageRecord

_EXPERT = "expert"
"""The stage that ends when the first of an answer is there: all of it, where it is no stream."""
_MOST_CALLS = 8
"""Calls of experts that a line lists; a strategy makes many."""
_CALL_FIELDS = ("expert", "endpoint", "outcome", "error", "began_ms", "duration_ms")

log = logging.getLogger(__name__)


class SlowRequests:
    """Logs slow requests.

    Args:
        seconds: That a request may take unnoticed; 0: however long.
    """

    def __init__(self, seconds: float) -> None:
        self._milliseconds = seconds * 1000 if seconds > 0 else float("inf")

    def seen(self, record: UsageRecord) -> None:
        """Look at a request that has ended, within its own context.

        Its record begins when it is known who is to answer, so what comes before is looked at as well,
        where the request says how long that took.
        """
        taken = logs_context.stages()
        whole, stages = (record.duration_ms / 1000, {}) if taken is None else taken
        if whole * 1000 < self._milliseconds:
            return
        line = slow_facts(record, whole, stages)
        log.warning("%s", slow_line(line), extra=facts(**line))


def slow_facts(record: UsageRecord, whole: float, stages: Mapping[str, float]) -> dict[str, Any]:
    """Return what a line says of a slow request.

    Args:
        record: Of it.
        whole: Seconds from its first byte to now.
        stages: Seconds of each stage that has ended.
    """
    calls = record.attempts or []
    return {
        "request_id": record.request_id,
        "tenant": record.tenant,
        "api": record.api,
        "model": record.model,
        "category": record.category,
        "expert": record.expert,
        "status": record.status,
        "error_code": record.error_code,
        "seconds": round(whole, 3),
        "first_token_seconds": _first_token(stages) if record.streamed else None,
        "stages": {
            **{name: round(seconds, 3) for name, seconds in stages.items()},
            "rest": round(max(0.0, whole - sum(stages.values())), 3),
        },
        "cache": record.cache,
        "calls": [
            {name: call[name] for name in _CALL_FIELDS if call.get(name) is not None}
            for call in calls[:_MOST_CALLS]
        ],
        "more_calls": max(0, len(calls) - _MOST_CALLS),
    }


def _first_token(stages: Mapping[str, float]) -> float | None:
    """Return the seconds from the first byte of a stream's request to its first token."""
    if _EXPERT not in stages:
        return None
    total = 0.0
    for name, seconds in stages.items():
        total += seconds
        if name == _EXPERT:
            break
    return round(total, 3)


def slow_line(line: Mapping[str, Any]) -> str:
    """Return the facts as a line that people read."""
    first = line["first_token_seconds"]
    told = f"slow request {line['request_id']} of {line['tenant']}: {line['seconds']:.3f} s"
    if first is not None:
        told += f", first token after {first:.3f} s"
    ended = " ".join(filter(None, (line["status"], line["error_code"])))
    by = "" if line["expert"] is None else f" by {line['expert']}"
    told += f"; {line['api']} for {line['model']!r}, {ended}{by}; "
    told += ", ".join(f"{name} {seconds:.3f}" for name, seconds in line["stages"].items())
    if line["cache"] is not None:
        told += f"; cache {line['cache']}"
    return told + _calls(line["calls"], line["more_calls"])


def _calls(calls: Iterable[Mapping[str, Any]], more: int) -> str:
    told = [
        f"{call['expert']} {call.get('error') or call.get('outcome', 'ok')}"
        + (f" {call['duration_ms'] / 1000:.3f}" if "duration_ms" in call else "")
        for call in calls
    ]
    if more:
        told.append(f"{more} more")
    return f"; calls: {', '.join(told)}" if told else ""
