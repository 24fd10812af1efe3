"""Batches as a kind of job."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.batches.performing import Performer
from orchestrator.batches.plans import plan_of
from orchestrator.batches.preparation import Preparation
from orchestrator.batches.results import add_files
from orchestrator.jobs.record import Item, Outcome, Row
from orchestrator.jobs.turn import Turn
from orchestrator.tenants.keys import Principal

KIND = "batch"


@dataclass(frozen=True, slots=True)
class BatchKind:
    """What jobs need to know of batches; see :class:`orchestrator.jobs.kinds.Kind`.

    Args:
        preparation: Turns files into items.
        performer: Answers items.
    """

    preparation: Preparation
    performer: Performer
    restarts: bool = False
    """A file in which something was wrong is still that."""

    async def run(self, job: Row, turn: Turn) -> None:
        """Check a batch's file and turn it into items."""
        await self.preparation.prepare(job, turn)

    async def perform(self, job: Row, principal: Principal, item: Item) -> Outcome:
        """Answer one request."""
        return await self.performer.perform(job, principal, item)

    def worth(self, item: Item) -> int:
        """Return the most that an item is expected to cost, in billionths of a dollar."""
        return plan_of(item.plan).most_nanos

    async def ended(self, connection: AsyncConnection, job: Row) -> None:
        """Add the files of results."""
        await add_files(connection, job)
