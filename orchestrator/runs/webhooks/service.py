"""Webhooks of tenants, and what became of the messages to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.kit.ids import uuid7
from orchestrator.runs.tables import deliveries, webhooks
from orchestrator.runs.webhooks.signing import new_secret

Row = dict[str, Any]
Seal = Callable[[str, str], bytes]
"""Encrypts a secret under a name."""
Renew = Callable[[bytes], bytes | None]
"""Encrypts with the first key what another has encrypted."""


@dataclass(frozen=True, slots=True)
class WebhookService:
    """Makes, lists and deletes webhooks.

    Args:
        engine: Postgres.
        seal: Encrypts their secrets.
    """

    engine: AsyncEngine
    seal: Seal

    async def create(self, tenant: str, url: str, by: str) -> tuple[Row, str]:
        """Make a webhook; returns it and its secret, which cannot be had again."""
        identifier, secret = f"wh_{uuid7().hex}", new_secret()
        values = {
            "id": identifier,
            "tenant": tenant,
            "url": url,
            "secret": self.seal(identifier, secret),
            "created_by": by,
        }
        async with self.engine.begin() as connection:
            made = await connection.execute(sa.insert(webhooks).values(values).returning(webhooks))
            return dict(made.mappings().one()), secret

    async def page(self, tenant: str, *, limit: int, after: str | None) -> list[Row]:
        """Return a tenant's webhooks, the oldest first."""
        query = sa.select(webhooks).where(_alive(tenant)).order_by(webhooks.c.id).limit(limit)
        if after is not None:
            query = query.where(webhooks.c.id > after)
        async with self.engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def delete(self, tenant: str, webhook: str) -> bool:
        """Delete a webhook with the messages on their way; tells whether there was one."""
        async with self.engine.begin() as connection:
            gone = await connection.execute(
                sa.update(webhooks)
                .where(_alive(tenant), webhooks.c.id == webhook)
                .values(deleted_at=sa.func.now())
            )
            await connection.execute(
                sa.update(deliveries)
                .where(deliveries.c.webhook == webhook, sa.literal(gone.rowcount > 0))
                .values(next_at=None)
            )
            return gone.rowcount > 0

    async def rotate(self, renewed: Renew) -> int:
        """Encrypt secrets anew where another key is in force; return how many.

        Args:
            renewed: Returns a ciphertext made anew, or ``None`` where it may stay.
        """
        count = 0
        async with self.engine.begin() as connection:
            alive = sa.select(webhooks.c.id, webhooks.c.secret).where(
                webhooks.c.deleted_at.is_(None)
            )
            for row in (await connection.execute(alive.with_for_update())).all():
                secret = renewed(bytes(row.secret))
                if secret is None:
                    continue
                count += 1
                await connection.execute(
                    sa.update(webhooks).where(webhooks.c.id == row.id).values(secret=secret)
                )
        return count

    async def deliveries(
        self, tenant: str, webhook: str, *, limit: int, before: str | None
    ) -> list[Row] | None:
        """Return messages to a webhook, the newest first; ``None``: no such webhook."""
        query = (
            sa.select(deliveries)
            .where(deliveries.c.webhook == webhook)
            .order_by(deliveries.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(deliveries.c.id < before)
        async with self.engine.connect() as connection:
            if not await exists(connection, tenant, webhook):
                return None
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def redeliver(self, tenant: str, webhook: str, delivery: str) -> Row | None:
        """Send a message once more, now; ``None`` if there is none."""
        async with self.engine.begin() as connection:
            if not await exists(connection, tenant, webhook):
                return None
            again = await connection.execute(
                sa.update(deliveries)
                .where(deliveries.c.id == delivery, deliveries.c.webhook == webhook)
                .values(attempts=0, next_at=sa.func.now())
                .returning(deliveries)
            )
            row = again.mappings().first()
            return dict(row) if row else None


async def exists(connection: AsyncConnection, tenant: str, webhook: str) -> bool:
    """Tell whether a tenant has a webhook."""
    query = sa.select(webhooks.c.id).where(_alive(tenant), webhooks.c.id == webhook)
    return (await connection.execute(query)).first() is not None


def _alive(tenant: str) -> Any:
    return sa.and_(webhooks.c.tenant == tenant, webhooks.c.deleted_at.is_(None))
