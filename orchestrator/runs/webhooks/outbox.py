"""Messages to webhooks in Postgres: put there with what they tell of, and taken out one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.kit.ids import uuid7
from orchestrator.runs.tables import deliveries, webhooks

PAUSES = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds after each failed attempt; those that the specification proposes."""
_IN_FLIGHT_SECONDS = 60.0
"""An attempt that has not been noted by then died with its worker, and is made again."""
_NOW = sa.func.now()


@dataclass(frozen=True, slots=True)
class Message:
    """One message on its way.

    Args:
        id: Of the message.
        url: Where it goes.
        secret: Signs it; encrypted.
        webhook: Id of the webhook.
        body: What it says.
        attempts: How often it has been tried, this time included.
    """

    id: str
    url: str
    secret: bytes
    webhook: str
    body: bytes
    attempts: int


def _later(seconds: float) -> Any:
    return _NOW + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


async def put(
    connection: AsyncConnection, webhook: str, run_id: str, happening: str, data: dict[str, Any]
) -> None:
    """Put a message on its way, in the transaction that makes it true."""
    now = datetime.now(UTC).isoformat()
    body = msgspec.json.encode({"type": happening, "timestamp": now, "data": data}).decode()
    alive = sa.select(
        sa.literal(f"msg_{uuid7().hex}"),
        webhooks.c.id,
        sa.literal(run_id),
        sa.literal(happening),
        sa.literal(body),
        _NOW,
    ).where(webhooks.c.id == webhook, webhooks.c.deleted_at.is_(None))
    columns = ["id", "webhook", "run_id", "type", "body", "next_at"]
    await connection.execute(sa.insert(deliveries).from_select(columns, alive))


async def take(connection: AsyncConnection) -> Message | None:
    """Take a message that is due; nobody else takes it for a minute."""
    due = (
        sa.select(deliveries.c.id)
        .where(deliveries.c.next_at <= _NOW)
        .order_by(deliveries.c.next_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = (
        sa.update(deliveries)
        .where(deliveries.c.id == due, webhooks.c.id == deliveries.c.webhook)
        .values(attempts=deliveries.c.attempts + 1, next_at=_later(_IN_FLIGHT_SECONDS))
        .returning(
            deliveries.c.id,
            webhooks.c.url,
            webhooks.c.secret,
            webhooks.c.id.label("webhook"),
            deliveries.c.body,
            deliveries.c.attempts,
        )
    )
    row = (await connection.execute(taken)).first()
    if row is None:
        return None
    return Message(row[0], row[1], bytes(row[2]), row[3], row[4].encode(), row[5])


async def note(
    connection: AsyncConnection, message: Message, *, status: int | None, problem: str | None
) -> None:
    """Note how an attempt ended.

    Args:
        connection: To Postgres.
        message: What was sent.
        status: The HTTP status of the answer, if there was one.
        problem: Why it has not arrived; ``None``: it has.
    """
    tried = message.attempts - 1
    again = None if problem is None or tried >= len(PAUSES) else _later(PAUSES[tried])
    await connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.id == message.id)
        .values(
            last_status=status,
            last_problem=problem,
            next_at=again,
            delivered_at=_NOW if problem is None else deliveries.c.delivered_at,
        )
    )
