"""How a job ends: its state, what its kind does then, and its webhook's message, all or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.jobs import items, repository
from orchestrator.jobs.kinds import Kinds
from orchestrator.jobs.record import Item, Row
from orchestrator.jobs.schemas import JobView
from orchestrator.runs.webhooks import outbox

_DROPPED_AT_ONCE = 5000
_REASONS: Mapping[str, tuple[str, str]] = {
    "cancelled": ("batch_cancelled", "The job was cancelled before this was begun."),
    "expired": ("batch_expired", "The time for the job was over before this was begun."),
    "failed": ("batch_failed", "The job was stopped before this was begun."),
}


async def finish(connection: AsyncConnection, job_id: str, kinds: Kinds) -> Row | None:
    """End a job if all of its items have ended; returns it then."""
    row = await repository.finish(connection, job_id)
    return row if row is None else await _ended(connection, row, kinds)


async def stop(connection: AsyncConnection, job: Row, kinds: Kinds) -> Row | None:
    """Do a part of ending a job that is being stopped; returns it once it has ended.

    Items that nobody has begun are ended, some thousands at a time; what is under way is waited for.

    Args:
        connection: In a transaction.
        job: The job.
        kinds: What the end of each kind brings.
    """
    state = job["ending"]
    code, message = _REASONS[state]
    dropped, size = await items.drop(connection, job["id"], state, code, message, _DROPPED_AT_ONCE)
    if dropped == _DROPPED_AT_ONCE or await items.under_way(connection, job["id"]):
        await repository.add_dropped(connection, job["id"], dropped, size)
        return None
    row = await repository.end(connection, job["id"], dropped, size)
    return row if row is None else await _ended(connection, row, kinds)


async def fail(
    connection: AsyncConnection,
    taken: Row,
    kinds: Kinds,
    *,
    code: str,
    message: str,
    problems: list[Any] | None = None,
) -> Row | None:
    """End a job that cannot be prepared; ``None`` if it is not this worker's any more.

    Args:
        connection: In a transaction.
        taken: The job as it was taken.
        kinds: What the end of each kind brings.
        code: Why.
        message: The same for a person.
        problems: What is wrong with its input, where that is why.
    """
    values = {"state": "failed", "worker": None, "error_code": code, "error_message": message}
    row = await repository.note(
        connection, taken, **values, problems=problems, finished_at=repository.NOW
    )
    return row if row is None else await _ended(connection, row, kinds)


async def _ended(connection: AsyncConnection, row: Row, kinds: Kinds) -> Row:
    kind = kinds.get(row["kind"])
    if kind is not None:  # else one of a newer version, which whoever does such jobs knows
        await kind.ended(connection, row)
    if row["webhook"] is not None:
        view = JobView.of(row).model_dump(mode="json")
        await outbox.put(
            connection, row["webhook"], row["id"], f"{row['kind']}.{row['state']}", view
        )
    return row


def line_id(item: Item) -> str:
    """Return the id of an item's result."""
    told = hashlib.md5(f"{item.job_id}/{item.number}".encode(), usedforsecurity=False)
    return f"batch_req_{told.hexdigest()}"


def failed_line(item: Item, code: str, message: str) -> str:
    """Return the line that says why there is no answer to an item."""
    told = {"code": code, "message": message}
    line = {"id": line_id(item), "custom_id": item.custom_id, "response": None, "error": told}
    return msgspec.json.encode(line).decode()
