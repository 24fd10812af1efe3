"""Lets requests through: over all replicas by Redis, within this process's share while it is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.kit.away import Away
from orchestrator.kit.together import Command
from orchestrator.tenants.limits.alone import Alone
from orchestrator.tenants.limits.book import LimitBook, LimitRecord
from orchestrator.tenants.limits.refusals import rate_headers, refused, too_large
from orchestrator.tenants.limits.replicas import Replicas
from orchestrator.tenants.limits.script import Note, RedisLimits
from orchestrator.tenants.limits.values import Ask, Periods, Reply, Scope, Spent, Use

SpentOf = Callable[[Collection[str]], Awaitable[Mapping[str, Mapping[str, Spent]]]]
"""Returns what tenants have spent by the usage records, by tenant and scope."""

LEASE_MS = 60_000
"""Milliseconds until an abandoned reservation returns by itself."""
_RENEW_SECONDS = 20.0
_RECONCILE_SECONDS = 30.0

log = logging.getLogger(__name__)


class Admission(msgspec.Struct, frozen=True):
    """A request that was let through.

    Args:
        nanos: Billionths of a dollar reserved for it.
        headers: ``x-ratelimit-*`` for its answer.
        noted: Whether the note was written with it.
    """

    nanos: int
    headers: Mapping[str, str] = {}
    noted: bool = False


class _Decision(msgspec.Struct, frozen=True):
    """What was said to a request, under which limits, and whether by this process alone."""

    reply: Reply
    scopes: Sequence[Scope]
    alone: bool


class _Held(msgspec.Struct, frozen=True):
    """A reservation of this process."""

    tenant: str
    since: float
    alone: bool


class Limiter:
    """Admits requests and settles them.

    Args:
        book: The limits.
        shared: The counters of all replicas.
        spent: What the usage records say.
        replicas: How many processes admit requests.
        away: Whether Redis is worth asking.
    """

    def __init__(
        self,
        book: LimitBook,
        shared: RedisLimits,
        spent: SpentOf,
        replicas: Replicas,
        away: Away | None = None,
    ) -> None:
        self._book = book
        self._shared = shared
        self._spent = spent
        self._replicas = replicas
        self._alone = Alone(replicas)
        self._held: dict[str, _Held] = {}
        self._away = away or Away()
        self._learning: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def admit(self, ask: Ask, note: Note | None = None, *, keep: bool = True) -> Admission:
        """Let a request through and reserve what it needs, or refuse it and change nothing.

        Args:
            ask: What it needs.
            note: What is written in the same step; not where nothing is limited or Redis is away.
            keep: Whether this process keeps the reservation from lapsing until it is settled; if not,
                that is up to others, with :meth:`renew_for` and :meth:`settle_for`.

        Raises:
            ApiError: 429 ``rate_limit_exceeded`` or 402 ``budget_exceeded``.
        """
        scopes = self._book.scopes(ask.tenant, ask.key_id)
        if not scopes:
            return Admission(ask.nanos)
        if (error := too_large(ask, scopes)) is not None:
            raise error
        self._replicas.admits = True
        ask = ask.within(scopes)
        if keep:  # also where this is cancelled while Redis is at it
            self._held[ask.request_id] = _Held(ask.tenant, time.monotonic(), alone=False)
        try:
            decision = await self._decide(ask, scopes, note)
        except Exception:
            self._held.pop(ask.request_id, None)
            raise
        reply, alone = decision.reply, decision.alone
        if not reply.admitted:
            self._held.pop(ask.request_id, None)
            raise refused(ask, reply, decision.scopes, alone=alone)
        if keep and alone:
            self._held[ask.request_id] = _Held(ask.tenant, time.monotonic(), alone)
        return Admission(reply.nanos, rate_headers(reply, decision.scopes), noted=not alone)

    async def top_up(self, ask: Ask, nanos: int) -> bool:
        """Reserve more money for a request of this process that was let through.

        Args:
            ask: What it needed.
            nanos: Billionths of a dollar more.

        Returns:
            Whether its budgets hold that; without a budget they do. One whose reservation Redis has
            lost gets no more.
        """
        held = self._held.get(ask.request_id)
        scopes = self._book.scopes(ask.tenant, ask.key_id)
        if held is None or not any(scope.limits.budgeted for scope in scopes):
            return True
        if not held.alone and self._away.worth_asking():
            try:
                return bool(await self._shared.top_up(held.tenant, ask.request_id, nanos, scopes))
            except (RedisError, OSError) as error:
                self._away.failed()
                log.warning("budgets are kept by this process alone for now: %s", error)
        shares = self._alone.shares(ask, scopes)
        return self._alone.top_up(ask, nanos, shares, LEASE_MS)

    def settling(self, request_id: str, tokens: int, nanos: int) -> tuple[str, Command] | None:
        """Return what has Redis count what a request really used; a second time changes nothing.

        Where the command fails the reservation lapses, and the usage records tell the rest.

        Args:
            request_id: Of the request.
            tokens: Read and written.
            nanos: Billionths of a dollar that it cost.

        Returns:
            The tenant and the command, where there is anything to be settled there. If its reply is a
            ``NoScriptError``, the rest is up to :meth:`settle_for`.
        """
        tenant = self.settle_alone(request_id, tokens, nanos)
        if tenant is None:
            return None
        return tenant, self._shared.settling(tenant, request_id, tokens, nanos)

    def settle_alone(self, request_id: str, tokens: int, nanos: int) -> str | None:
        """Count what a request really used as far as this process keeps count.

        Returns:
            The tenant if it is reserved in Redis, where it lapses unless it is settled.
        """
        held = self._held.pop(request_id, None)
        if held is None:
            return None
        if held.alone:
            self._alone.settle(held.tenant, request_id, tokens, nanos)
            return None
        return held.tenant

    async def settle_for(self, tenant: str, request_id: str, tokens: int, nanos: int) -> None:
        """Settle a request that any process let through; a second time changes nothing."""
        try:
            await self._shared.settle(tenant, request_id, tokens, nanos)
        except RedisError as error:
            log.warning("reservation of %s is left to lapse: %s", request_id, error)

    async def renew_for(
        self, tenant: str, request_ids: Iterable[str], tokens: Mapping[str, int] | None = None
    ) -> list[str]:
        """Keep reservations that any process made from lapsing, and count what is used by now.

        Args:
            tenant: Whose requests they are.
            request_ids: The requests.
            tokens: Read and written so far, by the request's id, where that is known.

        Returns:
            The requests without a reservation.

        Raises:
            RedisError: If Redis does not answer.
        """
        known = tokens or {}
        used = {request_id: known.get(request_id, 0) for request_id in request_ids}
        return await self._shared.renew(tenant, used, LEASE_MS)

    def limited(self, ask: Ask) -> bool:
        """Whether any limit holds for a request."""
        return bool(self._book.scopes(ask.tenant, ask.key_id))

    def budgeted(self, ask: Ask) -> bool:
        """Whether a budget holds for a request."""
        scopes = self._book.scopes(ask.tenant, ask.key_id)
        return any(scope.limits.budgeted for scope in scopes)

    async def hold(self, ask: Ask) -> None:
        """Reserve anew for what was let through before; its request is not counted again.

        Args:
            ask: With no more tokens and places than are to be asked for again.

        Raises:
            RedisError: If Redis does not answer.
        """
        scopes = [
            Scope(scope.name, replace(scope.limits, requests=None))
            for scope in self._book.scopes(ask.tenant, ask.key_id)
        ]
        reply = await self._shared.admit(ask, scopes, LEASE_MS)
        if reply.unknown:
            await self._learn_once(ask, scopes)
            await self._shared.admit(ask, scopes, LEASE_MS)

    async def run(self) -> None:
        """Keep reservations from lapsing and budgets true to the records, until cancelled."""
        clock = asyncio.get_running_loop().time
        reconcile_at = renew_at = 0.0
        while True:
            try:
                await self._replicas.beat()
                if clock() >= renew_at:
                    await self.renew()
                    renew_at = clock() + _RENEW_SECONDS
                if clock() >= reconcile_at:
                    await self.reconcile()
                    reconcile_at = clock() + _RECONCILE_SECONDS
            except (RedisError, SQLAlchemyError, OSError) as error:
                log.warning("limits are not kept up: %s", error)
            await asyncio.sleep(Replicas.HEARTBEAT_SECONDS)

    async def stop(self) -> None:
        """Leave the limits to the other replicas."""
        try:
            await self._replicas.leave()
        except RedisError as error:
            log.warning("this replica counts as one for some seconds more: %s", error)

    async def renew(self) -> None:
        """Keep the reservations of requests under way from lapsing.

        Raises:
            RedisError: If Redis does not answer.
        """
        by_tenant: defaultdict[str, dict[str, int]] = defaultdict(dict)
        recent = time.monotonic() - _RENEW_SECONDS / 2
        for request_id, held in self._held.items():
            if not held.alone and held.since < recent:
                by_tenant[held.tenant][request_id] = 0
        for tenant, tokens in by_tenant.items():
            await self._shared.renew(tenant, tokens, LEASE_MS)

    async def reconcile(self) -> None:
        """Bring the budgets of all tenants up to what the usage records say.

        Raises:
            RedisError: If Redis does not answer.
            SQLAlchemyError: If Postgres does not.
        """
        budgeted = self._book.budgeted()
        if budgeted and await self._replicas.first(_RECONCILE_SECONDS / 2):
            await self._learn(budgeted)

    async def use_of(self, record: LimitRecord) -> Use | None:
        """Return what is used of some limits, or ``None`` where that cannot be found out now."""
        return (await self.uses_of([record]))[0]

    async def uses_of(self, records: Sequence[LimitRecord]) -> list[Use | None]:
        """Return what is used of limits, one by one, as :meth:`use_of`; those of a tenant are asked for at once."""
        by_tenant: defaultdict[str, list[Scope]] = defaultdict(list)
        for record in records:
            by_tenant[record.tenant].append(Scope(record.scope, record.limits))
        try:
            found = await self._looked(by_tenant)
        except (RedisError, SQLAlchemyError, OSError) as error:
            log.warning("what is used of limits cannot be told: %s", error)
            return [None for _ in records]
        return [found[record.tenant, record.scope] for record in records]

    async def _looked(self, by_tenant: Mapping[str, Sequence[Scope]]) -> dict[tuple[str, str], Use]:
        periods = Periods.of(datetime.now(UTC))

        async def look(tenants: Iterable[str]) -> dict[str, Reply]:
            asked = list(tenants)
            looks = (self._shared.look(tenant, by_tenant[tenant], periods) for tenant in asked)
            return dict(zip(asked, await asyncio.gather(*looks), strict=True))

        replies = await look(by_tenant)
        unknown = {tenant: reply.unknown for tenant, reply in replies.items() if reply.unknown}
        if unknown:
            await self._learn(unknown)
            replies |= await look(unknown)
        return {
            (tenant, scope.name): use
            for tenant, reply in replies.items()
            for scope, use in zip(by_tenant[tenant], reply.uses, strict=True)
        }

    async def forget(self, tenant: str, scope: str) -> None:
        """Forget what was counted for limits that are taken away."""
        try:
            await self._shared.forget(tenant, scope)
        except RedisError as error:
            log.warning("counters of limits that are gone stay for some days: %s", error)

    async def _learn(self, budgeted: Mapping[str, Sequence[str]]) -> None:
        spent = await self._spent(list(budgeted))
        for tenant, names in budgeted.items():
            known = _of(names, spent[tenant])
            self._alone.saw(tenant, known)
            await self._shared.learn(tenant, known)

    async def _decide(self, ask: Ask, scopes: Sequence[Scope], note: Note | None) -> _Decision:
        if self._away.worth_asking():
            try:
                reply = await self._shared.admit(ask, scopes, LEASE_MS, note)
                if reply.unknown:
                    await self._learn_once(ask, scopes)
                    reply = await self._shared.admit(ask, scopes, LEASE_MS, note)
            except (RedisError, SQLAlchemyError, OSError) as error:
                log.warning("limits are kept by this process alone for now: %s", error)
                self._away.failed()
            else:
                self._away.answered()
                self._alone.noticed(ask, scopes, reply)
                return _Decision(reply, scopes, alone=False)
        for tenant in self._alone.unseen(ask, scopes):
            await self._ask_records(tenant)
        shares = self._alone.shares(ask, scopes)
        return _Decision(self._alone.admit(ask, shares, LEASE_MS), shares, alone=True)

    async def _learn_once(self, ask: Ask, scopes: Sequence[Scope]) -> None:
        """Learn what was spent; of many who want to know at once, one asks."""
        async with self._learning[ask.tenant]:
            look = await self._shared.look(ask.tenant, scopes, ask.periods)
            if look.unknown:
                spent = (await self._spent([ask.tenant]))[ask.tenant]
                await self._shared.learn(ask.tenant, _of([s.name for s in scopes], spent))
        self._learning.pop(ask.tenant, None)

    async def _ask_records(self, tenant: str) -> None:
        try:
            self._alone.saw(tenant, (await self._spent([tenant]))[tenant])
        except (SQLAlchemyError, OSError) as error:
            log.warning("what %s has spent is not known: %s", tenant, error)


def _of(names: Sequence[str], spent: Mapping[str, Spent]) -> dict[str, Spent]:
    """Return what some scopes have spent: nothing, where there is no record."""
    periods = next(iter(spent.values())).periods
    return {name: spent.get(name, Spent(periods)) for name in names}
