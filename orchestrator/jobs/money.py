"""The money of items: reserved for those that are taken together, settled when the last of them is stored.

Rates of requests and tokens are not asked: they are for callers who wait, and a job must not use them
up. A budget that has nothing left makes a job wait until there is something again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from orchestrator.kit.ids import new_request_id
from orchestrator.tenants.limits.book import LimitBook
from orchestrator.tenants.limits.limiter import LEASE_MS, Limiter
from orchestrator.tenants.limits.script import RedisLimits
from orchestrator.tenants.limits.values import Ask, Scope

_RENEW_SECONDS = 20.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Reservation:
    """What was reserved for items that were taken together.

    Args:
        request_id: It is known by.
        tenant: Whose.
        open: Items that are not stored yet.
        spent: By those that are, in billionths of a dollar.
    """

    request_id: str
    tenant: str
    open: int
    spent: int = 0


@dataclass(slots=True)
class Budgets:
    """Reserves and settles.

    Args:
        limiter: Knows what was spent.
        book: The limits.
        shared: The counters of all processes.
    """

    limiter: Limiter
    book: LimitBook
    shared: RedisLimits
    _held: dict[str, Reservation] = field(default_factory=dict)
    _settling: set[asyncio.Task[None]] = field(default_factory=set)

    async def reserve(
        self, tenant: str, key_id: str, nanos: int, least: int
    ) -> tuple[int, Reservation | None]:
        """Reserve what items may cost, or what is left of it.

        Args:
            tenant: Whose items.
            key_id: Of the key they came with.
            nanos: What they may cost, in billionths of a dollar.
            least: What the first of them may cost; less than that is nothing.

        Returns:
            What was reserved, and the reservation; -1 and ``None`` where nothing is left, and all of it
            and ``None`` where no budget holds.

        Raises:
            RedisError: If Redis does not answer and there is a budget to be kept.
        """
        ask = Ask(new_request_id(), tenant, key_id, nanos=nanos, least_nanos=least, slots=0)
        if not self.limiter.budgeted(ask):
            return nanos, None
        scopes = [Scope(one.name, one.limits.money) for one in self.book.scopes(tenant, key_id)]
        reply = await self.shared.admit(ask, scopes, LEASE_MS)
        if reply.unknown:
            await self.limiter.hold(ask)  # which finds out what was spent
            reply = await self.shared.admit(ask, scopes, LEASE_MS)
        if not reply.admitted:
            return -1, None
        reservation = Reservation(ask.request_id, tenant, 0)
        self._held[ask.request_id] = reservation
        return reply.nanos, reservation

    def settle_soon(self, reservation: Reservation) -> None:
        """Have settled what items really cost, without waiting for it."""
        task = asyncio.create_task(self.settle(reservation))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def settled(self) -> None:
        """Return once what was to be settled is."""
        if self._settling:
            await asyncio.wait(self._settling)

    async def settle(self, reservation: Reservation) -> None:
        """Count what items really cost."""
        self._held.pop(reservation.request_id, None)
        await self.limiter.settle_for(
            reservation.tenant, reservation.request_id, 0, reservation.spent
        )

    async def run(self) -> None:
        """Keep reservations from lapsing until cancelled."""
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            by_tenant: defaultdict[str, list[str]] = defaultdict(list)
            for reservation in self._held.values():
                by_tenant[reservation.tenant].append(reservation.request_id)
            try:
                for tenant, request_ids in by_tenant.items():
                    await self.limiter.renew_for(tenant, request_ids)
            except (RedisError, OSError) as error:
                log.warning("reservations of jobs are not renewed: %s", error)
