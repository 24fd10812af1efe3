"""Whose turn it is: tenants by weighted turns, within one its priorities, then age. Pure functions.

Turns are dealt by stride scheduling (Waldspurger and Weihl, 1995): what a tenant has had, divided by
its weight, is how far it is, and who is least far is next. Between any two that always want more, the
difference never exceeds one turn of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

USUAL_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Items of one job and group that are due.

    Args:
        job_id: The job.
        group: The expert they are for.
        tenant: Whose job it is.
        priority: Of the job among its tenant's; higher goes first.
        created_at: When the job was made.
        held_up: Whether it is said to wait for something.
    """

    job_id: str
    group: str
    tenant: str
    priority: int
    created_at: datetime
    held_up: bool = False


class Turns:
    """What each tenant has had, in items by weight.

    Args:
        weights: By tenant; :data:`USUAL_WEIGHT` for the others.
    """

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        self._weights = weights or {}
        self._passed: dict[str, float] = {}

    def enter(self, tenants: Iterable[str]) -> None:
        """Say who wants something now; whoever was away has saved nothing up."""
        present = set(tenants)
        known = [self._passed[tenant] for tenant in present if tenant in self._passed]
        least = min(known, default=0.0)
        self._passed = {tenant: self._passed.get(tenant, least) for tenant in present}

    def next(self, waiting: Iterable[Waiting]) -> Waiting | None:
        """Return whose turn it is, ``None`` if nobody waits."""
        return min(waiting, key=self._place, default=None)

    def had(self, tenant: str, items: int) -> None:
        """Note that a tenant had so many items taken."""
        weight = self._weights.get(tenant, USUAL_WEIGHT)
        self._passed[tenant] = self._passed.get(tenant, 0.0) + items / weight

    def _place(self, one: Waiting) -> tuple[float, str, int, datetime, str, str]:
        passed = self._passed.get(one.tenant, 0.0)
        return passed, one.tenant, -one.priority, one.created_at, one.job_id, one.group
