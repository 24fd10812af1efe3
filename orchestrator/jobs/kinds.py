"""What each kind of job has to bring: how one is brought forward, how an item is done, what its end brings.

A kind is one class and one entry under its name. What it does as a whole, :meth:`Kind.run`, is done by one
worker at a time, under its lease; what it puts in as items is done by all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.jobs.record import Item, Outcome, Row
from orchestrator.jobs.turn import Turn
from orchestrator.tenants.keys import Principal


class Kind(Protocol):
    """One kind of job."""

    @property
    def restarts(self) -> bool:
        """Whether a job that failed as a whole can be tried again as a whole."""
        ...

    async def run(self, job: Row, turn: Turn) -> None:
        """Bring a job forward: do all of it, or turn it into items.

        Called again where it was cut short, and once more where it asked for that when all items have
        ended: what is stored already must be left alone, and every change made through ``turn``. It is
        cancelled when the job is.

        Args:
            job: The job as a worker has taken it.
            turn: Stores how far it is, and how it ends.

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


class WithoutItems:
    """The part of a kind that has no items: one worker does all of it."""

    restarts = True

    async def perform(self, job: Row, principal: Principal, item: Item) -> Outcome:
        """Say that there is no such thing."""
        raise TypeError(f"{job['id']} of {principal.tenant} has no items such as {item.number}")

    def worth(self, item: Item) -> int:
        """Return nothing."""
        del item
        return 0
