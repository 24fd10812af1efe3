"""What runs use of limits: reserved when one is asked for, kept while it is open, settled when it ends.

A run that waits for somebody keeps its reservation, since without it it could not go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from experts.pricing import NANOS_PER_USD, nanos_of
from orchestrator.kit.errors import ApiError
from orchestrator.runs import repository
from orchestrator.runs.record import ENDED, RunRequest
from orchestrator.runs.tables import runs
from orchestrator.tenants.keys import Principal
from orchestrator.tenants.limits.limiter import Limiter
from orchestrator.tenants.limits.values import Ask
from router import routing_text

_RENEW_SECONDS = 20.0
_OPEN = runs.c.status.not_in(sorted(ENDED))

Row = dict[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reserved:
    """A run that was let through.

    Args:
        request: With no more money than was reserved.
        headers: ``x-ratelimit-*`` for the answer.
    """

    request: RunRequest
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunBudgets:
    """Reserves and settles what runs may cost, and bounds how many are open.

    Args:
        engine: Postgres, which knows the open runs.
        limiter: Where money is reserved.
        most_open: Runs of one tenant that may be open at once.
    """

    engine: AsyncEngine
    limiter: Limiter
    most_open: int

    async def reserve(self, principal: Principal, request_id: str, request: RunRequest) -> Reserved:
        """Reserve what a run may cost, or what is left, and the tokens of what it is asked.

        Raises:
            ApiError: 402 if nothing is left, 429 if the caller asks too often.
        """
        usd = request.bounds().usd
        prompt = routing_text(list(request.messages)).prompt_tokens
        ask = msgspec.structs.replace(
            _ask(request_id, principal.tenant, principal.key_id, usd, least=1),
            tokens=prompt,
            least_tokens=prompt,
        )
        admission = await self.limiter.admit(ask, keep=False)
        if admission.nanos < ask.nanos:
            limits = {**request.limits, "usd": admission.nanos / NANOS_PER_USD}
            request = msgspec.structs.replace(request, limits=limits)
        return Reserved(request, admission.headers)

    async def settle(self, row: Row, tokens: int, nanos: int) -> None:
        """Count what an ended run used instead of what was reserved; without Redis, it lapses.

        Args:
            row: The run.
            tokens: Read and written.
            nanos: Billionths of a dollar; 0 for one that was never stored.
        """
        await self.limiter.settle_for(row["tenant"], row["request_id"], tokens, nanos)

    async def check_room(self, connection: AsyncConnection, tenant: str) -> None:
        """Raise if a tenant has as many open runs as it may; until commit, nobody else opens one.

        Raises:
            ApiError: 429 ``too_many_runs``.
        """
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_lock_of(tenant))))
        query = sa.select(sa.func.count()).where(runs.c.tenant == tenant, _OPEN)
        if (await connection.scalar(query) or 0) >= self.most_open:
            raise ApiError(
                429,
                "too_many_runs",
                f"The tenant has {self.most_open} open runs, and may have no more at once "
                "(COE_RUNS_OPEN). Try again when one has ended.",
                headers={"retry-after": "5"},
            )

    async def run(self) -> None:
        """Keep the reservations of open runs from lapsing until cancelled. Workers do."""
        while True:
            try:
                await self.renew()
            except (RedisError, SQLAlchemyError, OSError) as error:
                log.warning("reservations of runs are not renewed: %s", error)
            await asyncio.sleep(_RENEW_SECONDS)

    async def renew(self) -> int:
        """Renew the reservations of all open runs, and make anew those that Redis has lost.

        What a run has read and written by now counts as used: at its end would be too late for a limit
        of a minute.

        Returns:
            How many were made anew.
        """
        columns = (runs.c.id, runs.c.tenant, runs.c.key_id, runs.c.request_id, runs.c.request)
        async with self.engine.connect() as connection:
            rows = (await connection.execute(sa.select(*columns).where(_OPEN))).mappings().all()
            spent = await repository.spent(connection, [row["id"] for row in rows])
        asks: defaultdict[str, dict[str, Ask]] = defaultdict(dict)
        tokens: dict[str, int] = {}
        for row in rows:
            usd = row["request"].get("limits", {}).get("usd", 0.0)
            ask = _ask(row["request_id"], row["tenant"], row["key_id"], usd, least=0)
            if self.limiter.limited(ask):
                asks[ask.tenant][ask.request_id] = ask
                used = spent.get(row["id"], repository.NOTHING)
                tokens[ask.request_id] = int(used["prompt_tokens"] + used["completion_tokens"])
        lost = [
            by_id[request_id]
            for tenant, by_id in asks.items()
            for request_id in await self.limiter.renew_for(tenant, by_id, tokens)
        ]
        for ask in lost:
            await self.limiter.hold(ask)
        return len(lost)


def _ask(request_id: str, tenant: str, key_id: str, usd: float, *, least: int) -> Ask:
    # Its calls are made over a long time by the workers: they take no place among the requests, and
    # their tokens count when they are used.
    return Ask(request_id, tenant, key_id, nanos=nanos_of(usd), least_nanos=least, slots=0)


def _lock_of(tenant: str) -> sa.ColumnElement[int]:
    return sa.func.hashtextextended(f"open runs of {tenant}", 0)
