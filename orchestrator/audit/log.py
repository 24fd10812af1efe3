"""The audit log in Postgres."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.audit.chain import GENESIS, Entry, Event, Linked, linked
from orchestrator.audit.search import Question
from orchestrator.audit.tables import audit_log

_LOCK = 0x6175646974  # "audit": two entries at once would follow the same one


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something.

    Args:
        id: Of the key or person, or a name of ours.
        name: For people.
        address: Where the request came from, where it is known.
    """

    id: str
    name: str = ""
    address: str = ""


SERVICE = Actor("service", "the service itself")


class AuditLog:
    """Writes and reads entries.

    Args:
        engine: To Postgres.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def write(
        self,
        event: Event,
        action: str,
        actor: Actor = SERVICE,
        *,
        request_id: str = "",
        status: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> Linked:
        """Add an entry; when this returns, it is durable.

        Args:
            event: What kind of entry.
            action: What is done.
            actor: Who does it.
            request_id: Of the request.
            status: Of the answer.
            detail: Further facts; never a secret.
        """
        async with self._engine.begin() as connection:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            number, previous = await _head(connection)
            entry = Entry(
                number=number + 1,
                at=datetime.now(UTC),
                event=event,
                actor=_storable(actor.id),
                actor_name=_storable(actor.name),
                address=_storable(actor.address),
                request_id=request_id,
                action=_storable(action),
                status=status,
                detail=json.dumps(detail or {}, sort_keys=True),
            )
            link = linked(entry, previous)
            await connection.execute(
                sa.insert(audit_log).values(**asdict(entry), previous=link.previous, hash=link.hash)
            )
        return link

    async def head(self) -> tuple[int, str]:
        """Return number and hash of the last entry; 0 and zeros where there is none."""
        async with self._engine.connect() as connection:
            return await _head(connection)

    async def page(
        self,
        limit: int,
        *,
        after: int = 0,
        newest_first: bool = False,
        question: Question | None = None,
    ) -> list[Linked]:
        """Return up to ``limit`` entries.

        Args:
            limit: How many at most.
            after: Number of the entry to go on after; 0: from the start (or the end).
            newest_first: Whether the last come first.
            question: Which; all, unless given.
        """
        number = audit_log.c.number
        query = sa.select(audit_log).order_by(number.desc() if newest_first else number)
        if after:
            query = query.where(number < after if newest_first else number > after)
        query = query.where(*(question or Question()).conditions())
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query.limit(limit))).mappings()
            return [_linked(row) for row in rows]

    async def get(self, number: int) -> Linked | None:
        """Return an entry, ``None`` if there is none of that number."""
        query = sa.select(audit_log).where(audit_log.c.number == number)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else _linked(row)

    async def end_of(self, link: Linked) -> int | None:
        """Return the number of the entry that says how something ended that was asked for."""
        entry = link.entry
        if entry.event != "asked":
            return None
        number = audit_log.c.number
        query = sa.select(number).where(
            number > entry.number,
            audit_log.c.actor == entry.actor,  # there is an index of these
            audit_log.c.request_id == entry.request_id,
            audit_log.c.action == entry.action,
        )
        async with self._engine.connect() as connection:
            found: int | None = await connection.scalar(query.order_by(number).limit(1))
        return found


async def _head(connection: AsyncConnection) -> tuple[int, str]:
    query = sa.select(audit_log.c.number, audit_log.c.hash).order_by(audit_log.c.number.desc())
    row = (await connection.execute(query.limit(1))).first()
    return (0, GENESIS) if row is None else (row.number, row.hash)


def _linked(row: Any) -> Linked:
    fields = dict(row)
    previous, digest = fields.pop("previous"), fields.pop("hash")
    return Linked(Entry(**fields), previous, digest)


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
