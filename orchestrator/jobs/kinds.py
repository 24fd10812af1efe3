"""What each kind of job has to bring: how one is prepared, how an item is done, what its end brings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.jobs.record import Item, Outcome, Row
from orchestrator.tenants.keys import Principal


class Kind(Protocol):
    """One kind of job."""

    async def prepare(self, job: Row) -> None:
        """Check what a job is made of and turn it into items.

        Called again where it was cut short: what is stored already must be left alone, and every
        change made with :func:`orchestrator.jobs.repository.note`.

        Args:
            job: The job as a worker has taken it.

        Raises:
            JobGone: If the job is another worker's by now, or stopped.
        """
        ...

    async def perform(self, job: Row, principal: Principal, item: Item) -> Outcome:
        """Do one item; every expected failure is an outcome.

        Args:
            job: Its job.
            principal: Whose request it is.
            item: The item.
        """
        ...

    def worth(self, item: Item) -> int:
        """Return the most that an item is expected to cost, in billionths of a dollar."""
        ...

    async def ended(self, connection: AsyncConnection, job: Row) -> None:
        """Do what belongs into the transaction that ends a job."""
        ...


Kinds = Mapping[str, Kind]
"""By the name of the kind."""


class JobGone(Exception):
    """The job is another worker's by now, or stopped."""
