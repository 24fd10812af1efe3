"""The limits in Redis: ``limits.lua``, one round trip for each decision."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import NoScriptError

from orchestrator.tenants.limits.values import (
    LIMIT_NAMES,
    Ask,
    Periods,
    Refusal,
    Reply,
    Scope,
    Spent,
    Use,
)

Note = tuple[str, bytes]
"""A hash, and what is written into it under the request's id if the request is let through."""

_SERVER_TIME = 0


def _servers_own() -> int:
    return _SERVER_TIME


class RedisLimits:
    """Decides and counts over all processes.

    Args:
        redis: Where the counters are.
        clock: Milliseconds since 1970; unless given, the clock of Redis, which all share.
    """

    def __init__(self, redis: Redis, clock: Callable[[], int] = _servers_own) -> None:
        self._redis = redis
        self._clock = clock
        self._source = files(__package__).joinpath("limits.lua").read_text()
        self._sha = hashlib.sha1(self._source.encode()).hexdigest()  # noqa: S324 (how Redis names it)

    async def admit(
        self, ask: Ask, scopes: Sequence[Scope], ttl_ms: int, note: Note | None = None
    ) -> Reply:
        """Let a request through and reserve what it needs, or change nothing.

        Asked again for the same request, it answers the same and takes nothing more.

        Args:
            ask: What it needs.
            scopes: Whose limits hold.
            ttl_ms: Milliseconds until the reservation lapses.
            note: What else is to be written in the same step.

        Raises:
            RedisError: If Redis does not answer.
        """
        return await self._decide(ask.request_id, ask, scopes, ttl_ms, note)

    async def look(self, tenant: str, scopes: Sequence[Scope], periods: Periods) -> Reply:
        """Return what is used, and change nothing.

        Raises:
            RedisError: If Redis does not answer.
        """
        ask = Ask("", tenant, "", slots=0)
        return await self._decide("", ask, scopes, 0, None, periods)

    async def settle(self, tenant: str, request_id: str, tokens: int, nanos: int) -> bool:
        """Count what was really used instead of what was reserved; the second time changes nothing.

        Returns:
            Whether there was such a reservation.

        Raises:
            RedisError: If Redis does not answer.
        """
        return bool(await self._run(_keys(tenant), "settle", request_id, tokens, nanos))

    def settle_in(
        self, pipe: Pipeline, tenant: str, request_id: str, tokens: int, nanos: int
    ) -> None:
        """Add :meth:`settle` to a pipeline, whose reply may be a ``NoScriptError``."""
        arguments = ("settle", self._clock(), request_id, tokens, nanos)
        pipe.evalsha(self._sha, 3, *_keys(tenant), *map(str, arguments))

    async def renew(self, tenant: str, request_ids: Iterable[str], ttl_ms: int) -> list[str]:
        """Keep reservations from lapsing; returns the requests that have none.

        Raises:
            RedisError: If Redis does not answer.
        """
        gone = await self._run(_keys(tenant), "renew", ttl_ms, *request_ids)
        return [request_id.decode() for request_id in gone]

    async def learn(self, tenant: str, spent: Mapping[str, Spent]) -> None:
        """Take over what the usage records say was spent, by scope, unless more is known already.

        Raises:
            RedisError: If Redis does not answer.
        """
        if not spent:
            return
        periods = next(iter(spent.values())).periods
        sums: list[str | int] = []
        for scope, known in spent.items():
            sums += (scope, known.day, known.month)
        await self._run(_keys(tenant), "learn", periods.day, periods.month, *sums)

    async def forget(self, tenant: str, scope: str) -> None:
        """Forget what belongs to a scope.

        Raises:
            RedisError: If Redis does not answer.
        """
        await self._run(_keys(tenant), "forget", scope)

    async def _decide(
        self,
        request_id: str,
        ask: Ask,
        scopes: Sequence[Scope],
        ttl_ms: int,
        note: Note | None,
        periods: Periods | None = None,
    ) -> Reply:
        periods = periods or ask.periods
        keys = _keys(ask.tenant)
        limits: list[str | int] = []
        for scope in scopes:
            limits += (scope.name, *_bounds(scope))
        reply = await self._run(
            keys if note is None else (*keys, note[0]),
            "admit",
            request_id,
            ttl_ms,
            periods.day,
            periods.month,
            ask.tokens,
            ask.nanos,
            ask.least,
            ask.slots,
            b"" if note is None else note[1],
            *limits,
        )
        return _reply(reply, scopes)

    async def _run(self, keys: Sequence[str], operation: str, *arguments: str | bytes | int) -> Any:
        values = (*keys, operation, self._clock(), *arguments)
        try:
            return await self._redis.evalsha(self._sha, len(keys), *values)
        except NoScriptError:  # a Redis that was started anew, or told to forget
            return await self._redis.eval(self._source, len(keys), *values)


def _keys(tenant: str) -> tuple[str, str, str]:
    """Return the keys of a tenant; what is in braces keeps them together on a cluster."""
    key = f"coe:limits:{{{tenant}}}"
    return key, f"{key}:due", f"{key}:held"


def _bounds(scope: Scope) -> list[int]:
    found = (getattr(scope.limits, name) for name in LIMIT_NAMES)
    return [-1 if limit is None else limit for limit in found]


def _reply(reply: Any, scopes: Sequence[Scope]) -> Reply:
    nanos, refusals, unknown, uses = reply
    return Reply(
        nanos,
        tuple(Refusal(scopes[n].name, LIMIT_NAMES[limit], wait) for n, limit, wait in refusals),
        tuple(name.decode() for name in unknown),
        tuple(Use(*map(int, use.split())) for use in uses),
    )
