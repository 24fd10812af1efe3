"""What a caller is told of limits: the headers of OpenAI, and the two errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from orchestrator.kit.errors import ApiError
from orchestrator.kit.ids import time_of
from orchestrator.tenants.limits.memory import SPAN
from orchestrator.tenants.limits.values import TENANT, Ask, Refusal, Reply, Scope, Use, renewal

_BUDGETS = ("day", "month")
_UNITS = {
    "requests": "requests a minute",
    "tokens": "tokens a minute",
    "concurrent": "requests at once",
}
_ALONE = " (this replica's share, while it cannot ask the others)"
_CONCURRENT_MS = 1_000
"""Milliseconds after which to try again where only the end of another request helps."""


def rate_headers(reply: Reply, scopes: Sequence[Scope]) -> dict[str, str]:
    """Return the ``x-ratelimit-*`` headers of an answer, of the scope that has the least left.

    Names and formats are OpenAI's (platform.openai.com/docs/guides/rate-limits, "Rate limits in
    headers").
    """
    headers = {}
    kinds: tuple[Literal["requests", "tokens"], ...] = ("requests", "tokens")
    for kind in kinds:
        found = [
            (limit - getattr(use, kind), limit, getattr(use, kind))
            for scope, use in zip(scopes, reply.uses, strict=False)
            if (limit := getattr(scope.limits, kind)) is not None
        ]
        if found:
            left, limit, used = min(found)
            headers[f"x-ratelimit-limit-{kind}"] = str(limit)
            headers[f"x-ratelimit-remaining-{kind}"] = str(max(left, 0))
            headers[f"x-ratelimit-reset-{kind}"] = duration(SPAN * 1000 if used else 0)
    return headers


def duration(milliseconds: int) -> str:
    """Return a time as OpenAI writes it: ``120ms``, ``1s``, ``1m1.5s``."""
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    seconds = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def refused(ask: Ask, reply: Reply, scopes: Sequence[Scope], *, alone: bool = False) -> ApiError:
    """Return the error of a request that was not let through.

    A budget goes before a rate, since waiting a minute does not help; the month's before the day's,
    since it renews later; of several rates, the one that takes longest.

    Args:
        ask: What it needed.
        reply: What was said to that, with at least one refusal.
        scopes: Whose limits held.
        alone: Whether they are this process's share of the limits.
    """
    budgets = [refusal for refusal in reply.refusals if refusal.limit in _BUDGETS]
    worst = max(
        budgets or reply.refusals,
        key=lambda refusal: (refusal.limit == "month", refusal.wait_ms),
    )
    limit, use = next(
        (getattr(scope.limits, worst.limit), use)
        for scope, use in zip(scopes, reply.uses, strict=True)
        if scope.name == worst.scope
    )
    share = _ALONE if alone else ""
    if budgets:
        return _budget(worst, limit, use, ask, share)
    wait_ms = worst.wait_ms or _CONCURRENT_MS
    expected = f", and this one is expected to use {ask.tokens}" if worst.limit == "tokens" else ""
    return ApiError(
        429,
        "rate_limit_exceeded",
        f"{_whose(worst.scope)} has a limit of {limit} {_UNITS[worst.limit]}{share}{expected}. "
        f"Try again in {duration(wait_ms)}.",
        headers={"retry-after": str(math.ceil(wait_ms / 1000)), **rate_headers(reply, scopes)},
    )


def too_large(ask: Ask, scopes: Sequence[Scope]) -> ApiError | None:
    """Return the error of a request that no limit would ever let through, or ``None``."""
    for scope in scopes:
        most = scope.limits.tokens
        if most is not None and ask.least_tokens > most:
            return ApiError(
                429,
                "rate_limit_exceeded",
                f"{_whose(scope.name)} has a limit of {most} {_UNITS['tokens']}, and this request "
                f"has about {ask.least_tokens}: waiting does not help, make it shorter.",
                # OpenAI's clients heed it.
                headers={"x-should-retry": "false"},
            )
    return None


def _budget(refusal: Refusal, limit: int, use: Use, ask: Ask, share: str) -> ApiError:
    period: Literal["day", "month"] = "day" if refusal.limit == "day" else "month"
    spent, held = getattr(use, period), getattr(use, f"{period}_held")
    renews = renewal(time_of(ask.request_id), period)
    return ApiError(
        402,
        "budget_exceeded",
        f"{_whose(refusal.scope)} has a budget of {usd(limit)} a {period}{share}: {usd(spent)} is "
        f"spent, {usd(held)} is reserved for requests under way, and this one may cost "
        f"{usd(ask.nanos)}. The budget renews at {renews:%Y-%m-%dT%H:%M:%SZ}.",
        headers={"x-should-retry": "false"},
    )


def _whose(scope: str) -> str:
    return "The tenant" if scope == TENANT else "This key"


def usd(nanos: int) -> str:
    """Return billionths of a dollar for people: ``$0.25``, ``$0.000132``."""
    whole, rest = divmod(max(nanos, 0), 1_000_000_000)
    return f"${whole}.{f'{rest:09d}'.rstrip('0').ljust(2, '0')}"
