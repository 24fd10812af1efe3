"""Limits, what is asked for under them, and what is said to that. Plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

import msgspec

from orchestrator.kit.ids import milliseconds_of

TENANT = "tenant"
"""What a tenant's own scope is called in the counters; a key's is called by its id."""

LimitName = Literal["requests", "tokens", "concurrent", "day", "month"]
_DAY_MS = 86_400_000
LIMIT_NAMES: tuple[LimitName, ...] = ("requests", "tokens", "concurrent", "day", "month")


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be used; ``None``: as much as one likes.

    Args:
        requests: In any 60 seconds.
        tokens: Read and written, in any 60 seconds.
        concurrent: Requests under way at once, streams included.
        day: Billionths of a US dollar in a day (UTC).
        month: Billionths of a US dollar in a month (UTC).
    """

    requests: int | None = None
    tokens: int | None = None
    concurrent: int | None = None
    day: int | None = None
    month: int | None = None

    def __bool__(self) -> bool:
        """Whether anything is limited."""
        return any(getattr(self, field.name) is not None for field in fields(self))

    @property
    def budgeted(self) -> bool:
        """Whether money is limited."""
        return self.day is not None or self.month is not None

    @property
    def money(self) -> Limits:
        """Those of money alone."""
        return Limits(day=self.day, month=self.month)


class Scope(msgspec.Struct, frozen=True):
    """Limits and whose they are.

    Args:
        name: ``tenant``, or the id of a key.
        limits: Theirs.
    """

    name: str
    limits: Limits


class Ask(msgspec.Struct, frozen=True):
    """What a request needs.

    Args:
        request_id: Its id, which says when it came in.
        tenant: Whose request it is.
        key_id: Of the key it came with.
        tokens: Most that it is expected to read and write.
        least_tokens: What it needs at least: more than a limit allows is never let through.
        nanos: Most that it is expected to cost, in billionths of a dollar.
        least_nanos: What it can make do with; ``None``: all of ``nanos``.
        slots: Places among the concurrent requests: 1, or 0 for what runs in the background.
    """

    request_id: str
    tenant: str
    key_id: str
    tokens: int = 0
    least_tokens: int = 0
    nanos: int = 0
    least_nanos: int | None = None
    slots: int = 1

    @property
    def least(self) -> int:
        """Billionths of a dollar it can make do with."""
        return self.nanos if self.least_nanos is None else self.least_nanos

    @property
    def periods(self) -> Periods:
        """The day and the month its cost counts for."""
        return _periods_of_day(milliseconds_of(self.request_id) // _DAY_MS)

    def within(self, scopes: Sequence[Scope]) -> Ask:
        """Return it with no more tokens than the limits allow in a minute.

        An estimate that is too high must not keep out what may well fit.
        """
        most = min(
            (scope.limits.tokens for scope in scopes if scope.limits.tokens is not None),
            default=self.tokens,
        )
        return self if self.tokens <= most else msgspec.structs.replace(self, tokens=most)


class Periods(msgspec.Struct, frozen=True):
    """A day and a month (UTC), as numbers that sort: 20260131 and 202601."""

    day: int
    month: int

    @classmethod
    def of(cls, moment: datetime) -> Periods:
        """Return those a moment lies in."""
        moment = moment.astimezone(UTC)
        month = moment.year * 100 + moment.month
        return cls(month * 100 + moment.day, month)


@lru_cache(maxsize=8)
def _periods_of_day(day: int) -> Periods:
    """Return the periods of a day, as counted since 1970."""
    return Periods.of(datetime.fromtimestamp(day * _DAY_MS / 1000, UTC))


def renewal(moment: datetime, period: Literal["day", "month"]) -> datetime:
    """Return when the next day or month (UTC) begins."""
    today = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return today + timedelta(days=1)
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


class Use(msgspec.Struct, frozen=True):
    """What is used of a scope's limits; zero where nothing is limited.

    Args:
        requests: In the last minute.
        tokens: In the last minute.
        concurrent: Under way.
        day: Billionths of a dollar spent today.
        day_held: Billionths reserved today by what is under way.
        month: Billionths of a dollar spent this month.
        month_held: Billionths reserved this month by what is under way.
    """

    requests: int = 0
    tokens: int = 0
    concurrent: int = 0
    day: int = 0
    day_held: int = 0
    month: int = 0
    month_held: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """A limit that stands in the way.

    Args:
        scope: Name of the scope.
        limit: Which.
        wait_ms: Milliseconds until it no longer does; 0 where nobody knows.
    """

    scope: str
    limit: LimitName
    wait_ms: int = 0


class Reply(msgspec.Struct, frozen=True):
    """What is said to a request.

    Args:
        nanos: What is reserved for it, where it is let through.
        refusals: Why it is not let through; empty: it is.
        unknown: Scopes of whose spending nothing is known, so that nothing was decided.
        uses: Of each scope, after the decision.
    """

    nanos: int
    refusals: tuple[Refusal, ...] = ()
    unknown: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()

    @property
    def admitted(self) -> bool:
        """Whether it is let through."""
        return not self.refusals and not self.unknown


class Spent(msgspec.Struct, frozen=True):
    """What the usage records say was spent, in billionths of a dollar.

    Args:
        periods: The day and month in question.
        day: In that day.
        month: In that month.
    """

    periods: Periods
    day: int = 0
    month: int = 0
