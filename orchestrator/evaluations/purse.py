"""Money of an evaluation: a call begins only if it can be paid for, whatever it comes to."""

from __future__ import annotations

from dataclasses import dataclass


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

    def reserve(self, most: int) -> bool:
        """Set aside what a call may come to at the most; tell whether there is enough."""
        if self.limit is not None and self.spent + self.reserved + most > self.limit:
            self.refused = True
            return False
        self.reserved += most
        return True

    def settle(self, most: int, paid: int) -> None:
        """Put back what was set aside, and pay what it came to."""
        self.reserved -= most
        self.spent += paid
