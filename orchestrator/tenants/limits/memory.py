"""The limits of one process, in memory: what the scripts in ``lua`` do in Redis, for while Redis is away.

The same decisions on the same schedule, so each is also the test of the other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.tenants.limits.values import (
    Ask,
    LimitName,
    Periods,
    Refusal,
    Reply,
    Scope,
    Spent,
    Use,
)

SPAN = 61
"""Seconds that count: one more than a minute, since moments within a second are not told apart."""

_Period = Literal["day", "month"]


@dataclass(slots=True)
class _Window:
    """What was used in the last seconds."""

    at: int = 0
    sum: int = 0
    slots: Counter[int] = field(default_factory=Counter)

    def advance(self, second: int) -> None:
        """Forget what is too long ago.

        The window never goes back, unless the clock was set back by more than it is long: then what
        it holds would never leave.
        """
        if self.at - second >= SPAN:
            self.at, self.sum = second, 0
            self.slots.clear()
        self.at = max(self.at, second)
        for old in [second for second in self.slots if second <= self.at - SPAN]:
            self.sum -= self.slots.pop(old)

    def use(self, amount: int, second: int | None = None) -> None:
        second = self.at if second is None else second
        self.sum += amount
        self.slots[second] += amount

    def correct(self, second: int, amount: int) -> None:
        """Count more or less for a second; what is more and comes too late for it counts now."""
        second = min(second, self.at)
        if second > self.at - SPAN:
            self.use(max(amount, -self.slots[second]), second)
        elif amount > 0:
            self.use(amount)

    def wait_ms(self, now_ms: int, amount: int) -> int:
        """Return the milliseconds until so much has left."""
        for second in sorted(self.slots):
            amount -= self.slots[second]
            if amount <= 0:
                return (second + SPAN) * 1000 - now_ms
        return (self.at + SPAN) * 1000 - now_ms


@dataclass(slots=True)
class _Budget:
    """Money of a period."""

    period: int
    spent: int = 0
    held: int = 0

    def advance(self, period: int) -> None:
        if period > self.period:
            self.period, self.spent, self.held = period, 0, 0


@dataclass(slots=True)
class _Counters:
    """Of one scope."""

    requests: _Window = field(default_factory=_Window)
    tokens: _Window = field(default_factory=_Window)
    concurrent: int = 0
    budgets: dict[_Period, _Budget] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Part:
    scope: str
    slots: int
    second: int | None
    periods: dict[_Period, int]


@dataclass(slots=True)
class _Hold:
    tokens: int
    nanos: int
    until_ms: int
    parts: list[_Part]


@dataclass(slots=True)
class _Tenant:
    scopes: defaultdict[str, _Counters] = field(default_factory=lambda: defaultdict(_Counters))
    holds: dict[str, _Hold] = field(default_factory=dict)


class MemoryLimits:
    """Decides and counts within this process.

    Args:
        clock: Milliseconds since 1970.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._tenants: defaultdict[str, _Tenant] = defaultdict(_Tenant)

    def admit(self, ask: Ask, scopes: Sequence[Scope], ttl_ms: int) -> Reply:
        """Let a request through and reserve what it needs, or change nothing.

        Args:
            ask: What it needs.
            scopes: Whose limits hold.
            ttl_ms: Milliseconds until the reservation lapses.
        """
        now, tenant = self._clock(), self._tenants[ask.tenant]
        self._sweep(tenant, now)
        looks = [_Look(tenant.scopes[scope.name], scope, ask, now) for scope in scopes]
        if (hold := tenant.holds.get(ask.request_id)) is not None:
            return Reply(hold.nanos, uses=tuple(look.use() for look in looks))
        unknown = tuple(look.scope.name for look in looks if look.unknown)
        refusals = tuple(refusal for look in looks for refusal in look.refusals())
        if unknown or refusals:
            return Reply(0, refusals, unknown, tuple(look.use() for look in looks))
        taken = min([ask.nanos, *(max(room, 0) for look in looks for _, room in look.rooms())])
        parts = [look.take(taken) for look in looks]
        tenant.holds[ask.request_id] = _Hold(ask.tokens, taken, now + ttl_ms, parts)
        return Reply(taken, uses=tuple(look.use() for look in looks))

    def settle(self, tenant_id: str, request_id: str, tokens: int, nanos: int) -> bool:
        """Count what was really used instead of what was reserved; tells if there was anything."""
        tenant = self._tenants[tenant_id]
        hold = tenant.holds.pop(request_id, None)
        if hold is not None:
            self._release(tenant, hold, tokens, nanos)
        return hold is not None

    def top_up(
        self, tenant_id: str, request_id: str, nanos: int, scopes: Sequence[Scope]
    ) -> bool | None:
        """Reserve more money for a request that was let through, or change nothing.

        Returns:
            Whether it is reserved; ``None``: nothing was reserved for the request before.
        """
        tenant = self._tenants[tenant_id]
        hold = tenant.holds.get(request_id)
        if hold is None:
            return None
        limits = {scope.name: scope.limits for scope in scopes}
        raised = []
        for part in hold.parts:
            for name, period in part.periods.items():
                budget = tenant.scopes[part.scope].budgets.get(name)
                if budget is None or budget.period != period:
                    continue  # it is over, and nobody counts
                limit = getattr(limits.get(part.scope), name, None)
                if limit is not None and budget.spent + budget.held + nanos > limit:
                    return False
                raised.append(budget)
        for budget in raised:
            budget.held += nanos
        hold.nanos += nanos
        return True

    def renew(self, tenant_id: str, tokens: Mapping[str, int], ttl_ms: int) -> list[str]:
        """Keep reservations from lapsing, and count tokens used; returns the requests without one."""
        tenant, gone = self._tenants[tenant_id], []
        for request_id, used in tokens.items():
            hold = tenant.holds.get(request_id)
            if hold is None:
                gone.append(request_id)
                continue
            hold.until_ms = self._clock() + ttl_ms
            if used > hold.tokens:
                for part in hold.parts:
                    if part.second is not None:
                        window = tenant.scopes[part.scope].tokens
                        window.advance(self._clock() // 1000)
                        window.use(used - hold.tokens)
                hold.tokens = used
        return gone

    def learn(self, tenant_id: str, scope: str, spent: Spent) -> None:
        """Take over what the usage records say, unless more is spent or reserved here."""
        budgets = self._tenants[tenant_id].scopes[scope].budgets
        for name, period, amount in _amounts(spent):
            budget = budgets.setdefault(name, _Budget(period))
            budget.advance(period)
            if budget.period == period:
                budget.spent = max(budget.spent, amount - budget.held)

    def forget(self, tenant_id: str, scope: str) -> None:
        """Forget what belongs to a scope."""
        self._tenants[tenant_id].scopes.pop(scope, None)

    def _sweep(self, tenant: _Tenant, now: int) -> None:
        lapsed = [name for name, hold in tenant.holds.items() if hold.until_ms <= now]
        for request_id in lapsed:
            self._release(tenant, tenant.holds.pop(request_id), None, None)

    def _release(self, tenant: _Tenant, hold: _Hold, tokens: int | None, nanos: int | None) -> None:
        second = self._clock() // 1000
        for part in hold.parts:
            counters = tenant.scopes[part.scope]
            counters.concurrent = max(0, counters.concurrent - part.slots)
            if part.second is not None and tokens is not None:
                counters.tokens.advance(second)
                counters.tokens.correct(part.second, tokens - hold.tokens)
            for name, period in part.periods.items():
                budget = counters.budgets.get(name)
                if budget is not None and budget.period == period:
                    budget.held = max(0, budget.held - hold.nanos)
                    budget.spent += nanos or 0


class _Look:
    """One scope, looked at for one request."""

    def __init__(self, counters: _Counters, scope: Scope, ask: Ask, now: int) -> None:
        self._counters, self.scope, self._ask, self._now = counters, scope, ask, now
        self._limits: dict[_Period, int] = {}
        limits, periods = scope.limits, ask.periods
        self._windows: list[tuple[LimitName, _Window, int, int]] = []
        if limits.requests is not None:
            self._windows.append(("requests", counters.requests, limits.requests, 1))
        if limits.tokens is not None:
            self._windows.append(("tokens", counters.tokens, limits.tokens, ask.tokens))
        for _, window, _, _ in self._windows:
            window.advance(now // 1000)
        for name, period, limit in _periods(periods, limits.day, limits.month):
            self._limits[name] = limit
            if name in counters.budgets:
                counters.budgets[name].advance(period)

    @property
    def unknown(self) -> bool:
        """Whether nobody knows what was spent."""
        return any(name not in self._counters.budgets for name in self._limits)

    def rooms(self) -> Iterator[tuple[_Period, int]]:
        """Yield what is left of each budget of which anything is known."""
        for name, limit in self._limits.items():
            budget = self._counters.budgets.get(name)
            if budget is not None:
                yield name, limit - budget.spent - budget.held

    def refusals(self) -> Iterator[Refusal]:
        """Yield each limit that stands in the way."""
        name = self.scope.name
        for limit, window, most, wanted in self._windows:
            over = window.sum + wanted - most
            if over > 0 and wanted > 0:
                yield Refusal(name, limit, window.wait_ms(self._now, over))
        most_at_once, slots = self.scope.limits.concurrent, self._ask.slots
        if most_at_once is not None and 0 < slots > most_at_once - self._counters.concurrent:
            yield Refusal(name, "concurrent")
        for period, room in self.rooms():
            if self._ask.least > max(room, 0):
                yield Refusal(name, period)

    def take(self, nanos: int) -> _Part:
        """Reserve."""
        counters, limits = self._counters, self.scope.limits
        for _, window, _, wanted in self._windows:
            window.use(wanted)
        slots = 0 if limits.concurrent is None else self._ask.slots
        counters.concurrent += slots
        for name in self._limits:
            counters.budgets[name].held += nanos
        periods = {name: counters.budgets[name].period for name in self._limits}
        second = None if limits.tokens is None else counters.tokens.at
        return _Part(self.scope.name, slots, second, periods)

    def use(self) -> Use:
        """Return what is used of what is limited."""
        counters, limits = self._counters, self.scope.limits
        day, month = (
            counters.budgets.get(name, _Budget(0)) if name in self._limits else _Budget(0)
            for name in ("day", "month")
        )
        return Use(
            requests=0 if limits.requests is None else counters.requests.sum,
            tokens=0 if limits.tokens is None else counters.tokens.sum,
            concurrent=0 if limits.concurrent is None else counters.concurrent,
            day=day.spent,
            day_held=day.held,
            month=month.spent,
            month_held=month.held,
        )


def _periods(
    periods: Periods, day: int | None, month: int | None
) -> Iterator[tuple[_Period, int, int]]:
    if day is not None:
        yield "day", periods.day, day
    if month is not None:
        yield "month", periods.month, month


def _amounts(spent: Spent) -> Iterator[tuple[_Period, int, int]]:
    return _periods(spent.periods, spent.day, spent.month)
