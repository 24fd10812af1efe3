"""Money of an evaluation: a call begins only if it can be paid for, whatever it comes to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Purse:
    """Holds what may be spent, in billionths of a US dollar.

    Args:
        limit: The most; ``None``: there is none.
        spent: So far.
        reserved: For calls under way, the most that each may come to.
        refused: Whether something was refused.
    """

    limit: int | None = None
    spent: int = 0
    reserved: int = 0
    refused: bool = False
    _settled: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def set_aside(self, most: int) -> AsyncIterator[Allowance | None]:
        """Hold what a call may come to at the most while it is under way, and pay what it came to.

        Where there is not enough, calls under way are waited for: most come to far less than what is
        held for them. Yields ``None`` where not enough is left even so.

        Args:
            most: Billionths of a US dollar.
        """
        if not await self._held(most):
            self.refused = True
            yield None
            return
        allowance = Allowance(self, most, held=most)
        try:
            yield allowance
        finally:
            self.reserved -= allowance.held
            self.spent += allowance.paid
            async with self._settled:
                self._settled.notify_all()

    def hold(self, most: int) -> bool:
        """Set aside an amount, if there is as much."""
        if self.limit is not None and self.spent + self.reserved + most > self.limit:
            return False
        self.reserved += most
        return True

    async def _held(self, most: int) -> bool:
        async with self._settled:
            while not self.hold(most):
                if not self.reserved or (self.limit is not None and self.spent + most > self.limit):
                    return False
                await self._settled.wait()
        return True


@dataclass(slots=True)
class Allowance:
    """What one call may cost.

    Args:
        purse: Of the evaluation.
        most: What asking once comes to at the most, in billionths of a US dollar.
        held: Set aside so far.
        paid: What it has cost.
    """

    purse: Purse
    most: int
    held: int
    paid: int = 0

    def again(self) -> bool:
        """Set aside as much once more, since an expert that failed would be asked again."""
        if not self.purse.hold(self.most):
            return False
        self.held += self.most
        return True
