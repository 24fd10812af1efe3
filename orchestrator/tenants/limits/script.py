"""The limits in Redis: the scripts in ``lua``, one round trip for each decision."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from orchestrator.kit.slots import beside_usage
from orchestrator.kit.together import Command, Together
from orchestrator.tenants.limits.values import (
    LIMIT_NAMES,
    Ask,
    Limits,
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
# Whole numbers are exact as doubles up to 2**53, and read faster than texts.
_SETTLED = struct.Struct("<3d")
_ASKED = struct.Struct("<8d")
_LIMITS = struct.Struct("<5d")
_COUNTERS = struct.Struct("<13d")


def _servers_own() -> int:
    return _SERVER_TIME


class _Script:
    """One of the scripts, by the hash Redis knows it by."""

    def __init__(self, *parts: str) -> None:
        folder = files(__package__).joinpath("lua")
        self.source = "".join(folder.joinpath(f"{part}.lua").read_text() for part in parts)
        self.sha = hashlib.sha1(self.source.encode()).hexdigest()  # noqa: S324 (how Redis names it)


class RedisLimits:
    """Decides and counts over all processes.

    Args:
        redis: Where the counters are.
        clock: Milliseconds since 1970; unless given, the clock of Redis, which all share.
        together: Sends commands there, with those of others.
    """

    def __init__(
        self,
        redis: Redis,
        clock: Callable[[], int] = _servers_own,
        together: Together | None = None,
    ) -> None:
        self._redis = redis
        self._together = together or Together(redis)
        self._clock = clock
        self._admit = _Script("counters", "admit")
        self._settle = _Script("counters", "release", "settle")
        self._upkeep = _Script("counters", "release", "upkeep")

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
        arguments = self._settled(tokens, nanos), request_id
        return bool(await self._run(self._settle, _keys(tenant), *arguments))

    async def top_up(
        self, tenant: str, request_id: str, nanos: int, scopes: Sequence[Scope]
    ) -> bool | None:
        """Reserve more money for a request that was let through, or change nothing.

        Args:
            tenant: Whose request it is.
            request_id: Its id.
            nanos: Billionths of a dollar more.
            scopes: Whose budgets hold.

        Returns:
            Whether it is reserved; ``None``: nothing was reserved for the request before, or no more.

        Raises:
            RedisError: If Redis does not answer.
        """
        limits: list[str | int] = []
        for scope in scopes:
            limits += (scope.name, *_bounds(scope)[-2:])
        reply = await self._keep(tenant, "top_up", request_id, max(nanos, 0), *limits)
        return None if reply < 0 else bool(reply)

    def settling(self, tenant: str, request_id: str, tokens: int, nanos: int) -> Command:
        """Return the command of :meth:`settle`, whose reply may be a ``NoScriptError``."""
        keys, used = _keys(tenant), self._settled(tokens, nanos)
        return ("EVALSHA", self._settle.sha, len(keys), *keys, used, request_id)

    async def renew(self, tenant: str, tokens: Mapping[str, int], ttl_ms: int) -> list[str]:
        """Keep reservations from lapsing, and count what is known to be used by now.

        Args:
            tenant: Whose requests they are.
            tokens: Read and written so far, by the request's id; 0 where nobody knows.
            ttl_ms: Milliseconds until they lapse.

        Returns:
            The requests that have no reservation.

        Raises:
            RedisError: If Redis does not answer.
        """
        pairs = [part for pair in tokens.items() for part in pair]
        gone = await self._keep(tenant, "renew", ttl_ms, *pairs)
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
        await self._keep(tenant, "learn", periods.day, periods.month, *sums)

    async def forget(self, tenant: str, scope: str) -> None:
        """Forget what belongs to a scope.

        Raises:
            RedisError: If Redis does not answer.
        """
        await self._keep(tenant, "forget", scope)

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
        limits: list[str | bytes] = []
        for scope in scopes:
            limits += (scope.name, _LIMITS.pack(*_bounds(scope)))
        numbers = (
            ttl_ms,
            periods.day,
            periods.month,
            max(ask.tokens, 0),
            max(ask.nanos, 0),
            ask.least,
            ask.slots,
        )
        while True:
            reply = await self._run(
                self._admit,
                keys if note is None else (*keys, note[0]),
                _ASKED.pack(self._clock(), *numbers),
                request_id,
                b"" if note is None else note[1],
                *limits,
            )
            if reply is not None:
                return _reply(reply, scopes)
            await self._keep(ask.tenant, "sweep")

    def _settled(self, tokens: int, nanos: int) -> bytes:
        # What a vendor says in error must not give back more than was reserved.
        return _SETTLED.pack(self._clock(), max(tokens, 0), max(nanos, 0))

    async def _keep(self, tenant: str, operation: str, *arguments: str | int) -> Any:
        now = _SETTLED.pack(self._clock(), 0, 0)
        return await self._run(self._upkeep, _keys(tenant), now, operation, *arguments)

    async def _run(
        self, script: _Script, keys: Sequence[str], *arguments: str | bytes | int
    ) -> Any:
        values = (*keys, *arguments)
        [reply] = await self._together.run(("EVALSHA", script.sha, len(keys), *values))
        if isinstance(reply, NoScriptError):  # a Redis that was started anew, or told to forget
            return await self._redis.eval(script.source, len(keys), *values)
        if isinstance(reply, Exception):
            raise reply
        return reply


def _keys(tenant: str) -> tuple[str, str]:
    """Return the keys of a tenant."""
    return beside_usage("limits", tenant), beside_usage("due", tenant)


def _bounds(scope: Scope) -> list[int]:
    found = (getattr(scope.limits, name) for name in LIMIT_NAMES)
    return [-1 if limit is None else limit for limit in found]


def _reply(reply: Any, scopes: Sequence[Scope]) -> Reply:
    nanos, refusals, unknown, counters = reply
    uses = zip(scopes, _COUNTERS.iter_unpack(counters), strict=True)
    return Reply(
        nanos,
        tuple(Refusal(scopes[n].name, LIMIT_NAMES[limit], wait) for n, limit, wait in refusals),
        tuple(name.decode() for name in unknown),
        tuple(_use(scope.limits, *map(int, found)) for scope, found in uses),
    )


def _use(limits: Limits, *found: int) -> Use:
    """Return what is used of what is limited; see ``counters.lua`` for the places."""
    places, requests, _, _, tokens, _, _, _, day, day_held, _, month, month_held = found
    return Use(
        requests=0 if limits.requests is None else requests,
        tokens=0 if limits.tokens is None else tokens,
        concurrent=0 if limits.concurrent is None else places,
        day=0 if limits.day is None else day,
        day_held=0 if limits.day is None else day_held,
        month=0 if limits.month is None else month,
        month_held=0 if limits.month is None else month_held,
    )
