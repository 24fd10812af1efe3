"""The end of a run: in the transaction that ends it, its usage is recorded and its webhook put on the way.

So both happen exactly once, however often the run was resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.guardrails.service import BLOCKED
from orchestrator.guardrails.values import Note
from orchestrator.runs import repository
from orchestrator.runs.record import API
from orchestrator.runs.schemas import RunView
from orchestrator.runs.webhooks import outbox
from orchestrator.usage import repository as usage
from orchestrator.usage.record import Status, UsageRecord, token_fields

_STATUS: dict[str, Status] = {"finished": "ok", "failed": "failed", "cancelled": "cancelled"}

Happening = Literal["run.finished", "run.waiting"]


async def settle(
    connection: AsyncConnection, row: dict[str, Any], notes: Sequence[Note] = ()
) -> UsageRecord:
    """Record what an ended run has used, and tell its webhook; returns the record.

    Args:
        connection: With the transaction that ends the run.
        row: The run, ended.
        notes: What guardrails did and flagged when they judged its answer.
    """
    found = await repository.spent(connection, [row["id"]])
    spent = found.get(row["id"], repository.NOTHING)
    record = usage_record(row, await repository.calls(connection, row["id"]), notes)
    await usage.ensure_partitions(connection, {record.started_at.date()})
    await usage.insert_records(connection, [record])
    await repository.note_cost(connection, row["id"], record.cost_nanos)
    await tell(connection, row, "run.finished", spent)
    return record


async def tell(
    connection: AsyncConnection, row: dict[str, Any], happening: Happening, spent: dict[str, Any]
) -> None:
    """Put a message to the run's webhook on its way, if it has one."""
    if row["webhook"] is not None:
        view = RunView.of(row, spent).model_dump(mode="json")
        await outbox.put(connection, row["webhook"], row["id"], happening, view)


def usage_record(
    row: dict[str, Any], calls: list[dict[str, Any]], notes: Sequence[Note] = ()
) -> UsageRecord:
    """Return the usage record of an ended run; its id is that of the request that started it.

    Args:
        row: The run, ended.
        calls: Of experts, as a record lists them.
        notes: What guardrails did and flagged when they judged its answer.
    """
    noted = [*row["request"].get("noted", ()), *msgspec.to_builtins(list(notes))]
    began = row["started_at"] or row["finished_at"]
    took = (row["finished_at"] - began).total_seconds() - row["waited"]
    return UsageRecord(
        request_id=row["request_id"],
        tenant=row["tenant"],
        key_id=row["key_id"],
        api=API,
        model=f"coe-{row['strategy']}",
        status="blocked" if row["error_code"] == BLOCKED else _STATUS[row["status"]],
        policy=row["request"].get("policy"),
        error_code=row["error_code"],
        **token_fields(calls),
        attempts=calls,
        guardrails=noted or None,
        duration_ms=round(max(took, 0.0) * 1000, 3),
    )
