"""Guardrails around runs: the task is judged before it is stored, the answer before it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from orchestrator.conductor.values import Outcome
from orchestrator.guardrails.asked import Asked
from orchestrator.guardrails.service import Guardrails
from orchestrator.guardrails.values import Event
from orchestrator.runs.record import RunRequest


async def guarded_request(
    wanted: RunRequest, strategy: str, guardrails: Guardrails, **asking: str
) -> RunRequest:
    """Return what a run is to do after the guardrails have seen it.

    Args:
        wanted: As it was asked for.
        strategy: That is to do it.
        guardrails: Judge it.
        asking: ``request_id``, ``tenant`` and ``key_id``.

    Raises:
        ApiError: 403 or 503 where a guardrail is in the way.
    """
    if not guardrails.requests:
        return wanted
    asked = Asked(list(wanted.messages), wanted.context, wanted.facts)
    event = Event("request", model=f"coe-{strategy}", messages=asked.judged, **asking)
    passed = await guardrails.check(event)
    if not passed.changed:
        return wanted
    asked = asked.told_as(passed.messages)
    return msgspec.structs.replace(
        wanted, messages=tuple(asked.messages), context=asked.context, facts=asked.facts
    )


async def guarded_outcome(outcome: Outcome, row: dict[str, Any], guardrails: Guardrails) -> Outcome:
    """Return a run's outcome after the guardrails have seen it.

    Raises:
        ApiError: 403 or 503 where a guardrail is in the way.
    """
    if not guardrails.answers:
        return outcome
    event = Event(
        "answer",
        request_id=row["id"],
        tenant=row["tenant"],
        key_id=row["key_id"],
        model=f"coe-{row['strategy']}",
        messages=[{"role": "assistant", "content": outcome.text}],
    )
    passed = await guardrails.check(event)
    return replace(outcome, text=str(passed.messages[0].get("content") or ""))
