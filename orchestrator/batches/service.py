"""What callers do with batches: make, look at, cancel, estimate."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.batches.estimates import Estimator
from orchestrator.batches.kind import KIND
from orchestrator.batches.schemas import BatchWanted, Estimate, Source, seconds_of
from orchestrator.files.service import FileService
from orchestrator.jobs.listing import Wanted
from orchestrator.jobs.owners import told_of
from orchestrator.jobs.record import Row
from orchestrator.jobs.service import JobService
from orchestrator.jobs.tables import jobs
from orchestrator.kit.ids import uuid7
from orchestrator.runs.webhooks import service as webhooks
from orchestrator.tenants.keys import Principal, Role


class WebhookUnknown(Exception):
    """The caller has no such webhook."""


@dataclass(frozen=True, slots=True)
class BatchService:
    """Batches of all tenants.

    Args:
        jobs: Keeps them.
        files: Where their inputs are.
        estimator: Says what they will cost.
    """

    jobs: JobService
    files: FileService
    estimator: Estimator

    async def create(self, principal: Principal, wanted: BatchWanted) -> Row:
        """Make a batch and tell the workers.

        Raises:
            FileUnknown: If the caller has no such file.
            WebhookUnknown: If its tenant has no such webhook.
        """
        await self.files.get(principal, wanted.input_file_id)
        webhook = wanted.coe.webhook
        if webhook is not None:
            async with self.jobs.engine.connect() as connection:
                if not await webhooks.exists(connection, principal.tenant, webhook):
                    raise WebhookUnknown(webhook)
        row = {
            "id": f"batch_{uuid7().hex}",
            "kind": KIND,
            "tenant": principal.tenant,
            "key_id": principal.key_id,
            "priority": wanted.coe.priority,
            "webhook": webhook,
            "metadata": wanted.metadata or {},
            "payload": {
                "endpoint": wanted.endpoint,
                "input_file_id": wanted.input_file_id,
                "completion_window": wanted.completion_window,
                "owner": told_of(principal),
            },
        }
        return await self.jobs.add(row, seconds_of(wanted.completion_window))

    async def get(self, principal: Principal, batch_id: str) -> Row:
        """Return a batch.

        Raises:
            JobUnknown: If the caller has no such batch.
        """
        return await self.jobs.get(batch_id, _seen_by(principal), KIND)

    async def page(self, principal: Principal, *, limit: int, after: str | None) -> list[Row]:
        """Return the caller's batches, the newest first."""
        wanted = Wanted(kind=KIND, tenant=_seen_by(principal))
        return await self.jobs.page(wanted, limit=limit, after=after)

    async def cancel(self, principal: Principal, batch_id: str) -> Row:
        """Have no more of a batch's requests begun.

        Raises:
            JobUnknown: If the caller has no such batch.
            JobEnded: If it has ended.
        """
        return await self.jobs.cancel(batch_id, _seen_by(principal), KIND)

    async def estimate(self, principal: Principal, source: Source) -> Estimate:
        """Return what a file's requests are expected to cost.

        Raises:
            FileUnknown: If the caller has no such file.
        """
        file = await self.files.get(principal, source.input_file_id)
        return await self.estimator.estimate(file, source.endpoint, principal)


async def file_in_use(connection: AsyncConnection, file_id: str) -> bool:
    """Tell whether a job still has to read a file."""
    reads = sa.and_(
        jobs.c.state.in_(["queued", "running"]),
        sa.or_(~jobs.c.prepared, jobs.c.again),
        jobs.c.payload["input_file_id"].astext == file_id,
    )
    return await connection.scalar(sa.select(jobs.c.id).where(reads).limit(1)) is not None


def _seen_by(principal: Principal) -> str | None:
    return None if principal.role is Role.ADMIN else principal.tenant
