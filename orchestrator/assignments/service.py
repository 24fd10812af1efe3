"""Assignments of strategies: kept in Postgres, looked up in memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.assignments.tables import assignments
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.kit.ids import uuid7

TOPIC = "strategies"
ANY = "*"

Scope = tuple[str, str, str]
"""Tenant, category, policy; each may be ``ANY``."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One choice.

    Args:
        id: Its id.
        tenant: Whose requests it is for; ``*``: everybody's.
        policy: Under which policy they are made; ``*``: any.
        category: What they are about; ``*``: anything.
        strategy: Name of the strategy that answers them.
        updated_at: When it was made, or last changed.
        updated_by: Id of the key that did so.
    """

    id: str
    tenant: str
    policy: str
    category: str
    strategy: str
    updated_at: datetime
    updated_by: str


def closest(known: Container[Scope], scope: Scope) -> Scope | None:
    """Return what the closest assignment is made for; ``None`` where none fits.

    One for the tenant goes before one for everybody, then one for the category before one for all,
    then one for the policy.

    Args:
        known: What strategies are assigned to.
        scope: Tenant, category and policy of a request.
    """
    tenant, category, policy = ((own, ANY) for own in scope)
    places = itertools.product(tenant, category, policy)
    return next((place for place in places if place in known), None)


class Assignments:
    """All assignments, in memory.

    Args:
        engine: Where they are kept.
        announce: Tells the other replicas of a change.
    """

    def __init__(self, engine: AsyncEngine, announce: Callable[[str], Awaitable[None]]) -> None:
        self._engine = engine
        self._announce = announce
        self._by_scope: dict[Scope, str] = {}
        self._refreshing = asyncio.Lock()

    def find(self, tenant: str, policy: str, category: str | None) -> tuple[str, Scope] | None:
        """Return the strategy that is to answer a request, and what it is assigned to.

        ``None``: one expert answers, as ever.
        """
        if not self._by_scope:
            return None
        scope = closest(self._by_scope, (tenant, category or ANY, policy))
        name = None if scope is None else self._by_scope[scope]
        if scope is None or name not in STRATEGIES:  # a newer release may know more of them
            return None
        return name, scope

    async def refresh(self) -> None:
        """Read all assignments anew."""
        # One after the other, so that what was read first is not what stays.
        async with self._refreshing, self._engine.connect() as connection:
            rows = (await connection.execute(sa.select(assignments))).mappings().all()
            self._by_scope = {
                (row["tenant"], row["category"], row["policy"]): row["strategy"] for row in rows
            }

    async def list(self, limit: int, after: str | None) -> list[Assignment]:
        """Return up to ``limit`` assignments in order of their making, those after the id ``after``."""
        query = sa.select(assignments).order_by(assignments.c.id).limit(limit)
        if after is not None:
            query = query.where(assignments.c.id > after)
        async with self._engine.connect() as connection:
            return [Assignment(**row) for row in (await connection.execute(query)).mappings()]

    async def put(
        self, *, tenant: str, policy: str, category: str, strategy: str, by: str
    ) -> Assignment:
        """Assign a strategy, in place of the one that was."""
        row: dict[str, Any] = {
            "id": f"asg_{uuid7().hex}",
            "tenant": tenant,
            "policy": policy,
            "category": category,
            "strategy": strategy,
            "updated_at": datetime.now(UTC),
            "updated_by": by,
        }
        changed = {name: row[name] for name in ("strategy", "updated_at", "updated_by")}
        statement = (
            insert(assignments)
            .values(row)
            .on_conflict_do_update(constraint="strategy_assignments_once", set_=changed)
            .returning(assignments)
        )
        async with self._engine.begin() as connection:
            stored = (await connection.execute(statement)).mappings().one()
        await self._changed()
        return Assignment(**stored)

    async def delete(self, assignment_id: str) -> bool:
        """Take an assignment back; returns whether there was one."""
        statement = sa.delete(assignments).where(assignments.c.id == assignment_id)
        async with self._engine.begin() as connection:
            found = (await connection.execute(statement)).rowcount > 0
        if found:
            await self._changed()
        return found

    async def _changed(self) -> None:
        await self.refresh()
        await self._announce(TOPIC)
