"""What a process may let through while it cannot ask Redis: its share of what was left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.tenants.limits.memory import MemoryLimits
from orchestrator.tenants.limits.replicas import Replicas
from orchestrator.tenants.limits.values import Ask, Limits, Periods, Reply, Scope, Spent


@dataclass(frozen=True, slots=True)
class _Outage:
    """The counters of one time that Redis is away, and what was left when it began."""

    memory: MemoryLimits
    shares: dict[tuple[str, Scope, Periods], Scope]


class Alone:
    """Keeps limits within this process; what it counted is forgotten once Redis is back.

    A rate is divided by the number of processes, at least one for each; of a budget, what was left
    when it was last heard of.

    Args:
        replicas: How many processes there are.
    """

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas
        self._used: dict[tuple[str, str], Spent] = {}
        self._outage: _Outage | None = None

    def saw(self, tenant: str, spent: Mapping[str, Spent]) -> None:
        """Remember what scopes of a tenant have spent."""
        for name, known in spent.items():
            self._used[tenant, name] = known

    def noticed(self, ask: Ask, scopes: Sequence[Scope], reply: Reply) -> None:
        """Remember what Redis said: spent and reserved."""
        self._outage = None
        for scope, use in zip(scopes, reply.uses, strict=False):
            if scope.limits.budgeted:
                used = Spent(ask.periods, use.day + use.day_held, use.month + use.month_held)
                self._used[ask.tenant, scope.name] = used

    def unseen(self, ask: Ask, scopes: Sequence[Scope]) -> Iterator[str]:
        """Yield the tenant if it has a budget of which nothing is known."""
        if any(s.limits.budgeted and (ask.tenant, s.name) not in self._used for s in scopes):
            yield ask.tenant

    def shares(self, ask: Ask, scopes: Sequence[Scope]) -> list[Scope]:
        """Return this process's share of some limits."""
        outage = self._present()
        return [self._share(outage, ask, scope) for scope in scopes]

    def admit(self, ask: Ask, shares: Sequence[Scope], ttl_ms: int) -> Reply:
        """Let a request through within this process's share, or refuse it."""
        memory = self._present().memory
        reply = memory.admit(ask, shares, ttl_ms)
        if reply.unknown:
            # What was spent before is taken off the share already.
            for name in reply.unknown:
                memory.learn(ask.tenant, name, Spent(ask.periods))
            reply = memory.admit(ask, shares, ttl_ms)
        return reply

    def top_up(self, ask: Ask, nanos: int, shares: Sequence[Scope], ttl_ms: int) -> bool:
        """Reserve more money within this process's share, also for what Redis has let through."""
        reserved = self._present().memory.top_up(ask.tenant, ask.request_id, nanos, shares)
        if reserved is not None:
            return reserved
        more = Ask(ask.request_id, ask.tenant, ask.key_id, nanos=nanos, slots=0)
        return self.admit(more, [Scope(s.name, s.limits.money) for s in shares], ttl_ms).admitted

    def settle(self, tenant: str, request_id: str, tokens: int, nanos: int) -> None:
        """Count what was really used, unless Redis is back meanwhile."""
        if self._outage is not None:
            self._outage.memory.settle(tenant, request_id, tokens, nanos)

    def _present(self) -> _Outage:
        if self._outage is None:
            self._outage = _Outage(MemoryLimits(lambda: time.time_ns() // 1_000_000), {})
        return self._outage

    def _share(self, outage: _Outage, ask: Ask, scope: Scope) -> Scope:
        place = (ask.tenant, scope, ask.periods)
        share = outage.shares.get(place)
        if share is None:
            used = self._used.get((ask.tenant, scope.name), Spent(ask.periods))
            count = self._replicas.count
            share = Scope(scope.name, share_of(scope.limits, used, ask.periods, count))
            outage.shares[place] = share
        return share


def share_of(limits: Limits, used: Spent, periods: Periods, count: int) -> Limits:
    """Return what one of so many processes may let through.

    Args:
        limits: Of all together.
        used: Spent and reserved when it was last heard of.
        periods: The day and month now: what was used in others does not count.
        count: How many processes there are.
    """

    def rate(limit: int | None) -> int | None:
        return None if limit is None else max(1, limit // count)

    def money(limit: int | None, spent: int) -> int | None:
        return None if limit is None else max(0, limit - spent) // count

    return Limits(
        requests=rate(limits.requests),
        tokens=rate(limits.tokens),
        concurrent=rate(limits.concurrent),
        day=money(limits.day, used.day if used.periods.day == periods.day else 0),
        month=money(limits.month, used.month if used.periods.month == periods.month else 0),
    )
