"""Guardrails around runs: the task is judged before it is stored, the answer before it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from orchestrator.chat.guarding import kept_out
from orchestrator.conductor.values import Outcome
from orchestrator.guardrails.asked import Asked
from orchestrator.guardrails.service import Guardrails
from orchestrator.guardrails.values import Event, Note
from orchestrator.kit.errors import ApiError
from orchestrator.runs.record import API, RunRequest
from orchestrator.tenants.keys import Principal
from orchestrator.usage.journal import UsageJournal


async def guarded_request(
    wanted: RunRequest,
    strategy: str,
    guardrails: Guardrails,
    journal: UsageJournal,
    principal: Principal,
    request_id: str,
) -> RunRequest:
    """Return what a run is to do after the guardrails have seen it, with what they have noted.

    Args:
        wanted: As it was asked for.
        strategy: That is to do it.
        guardrails: Judge it.
        journal: Records a request that they keep out.
        principal: Who asks.
        request_id: The request's id.

    Raises:
        ApiError: 403 or 503 where a guardrail is in the way, 429 or 402 where a limit is.
    """
    if not guardrails.requests:
        return wanted
    asked = Asked(list(wanted.messages), wanted.context, wanted.facts)
    event = Event(
        "request",
        request_id=request_id,
        tenant=principal.tenant,
        key_id=principal.key_id,
        model=f"coe-{strategy}",
        messages=asked.judged,
    )
    notes: list[Note] = []
    try:
        passed = await guardrails.check(event, notes)
    except ApiError as error:
        await kept_out(journal, event, notes, error, api=API)
        raise
    wanted = msgspec.structs.replace(wanted, noted=tuple(msgspec.to_builtins(notes)))
    if not passed.changed:
        return wanted
    asked = asked.told_as(passed.messages)
    return msgspec.structs.replace(
        wanted, messages=tuple(asked.messages), context=asked.context, facts=asked.facts
    )


async def guarded_outcome(
    outcome: Outcome, row: dict[str, Any], guardrails: Guardrails, notes: list[Note]
) -> Outcome:
    """Return a run's outcome after the guardrails have seen it.

    Args:
        outcome: What the run has come to.
        row: The run.
        guardrails: Judge it.
        notes: Is added what they do and flag, for the usage record.

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
    passed = await guardrails.check(event, notes)
    return replace(outcome, text=str(passed.messages[0].get("content") or ""))
