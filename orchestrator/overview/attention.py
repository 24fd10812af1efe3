"""What somebody should look at: rules over what was found. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orchestrator.overview.schemas import Attention, Kind, Link, LinkPage, Severity

_TIMES = 10.0
"""From so many times a budget on, per cent are hard to read."""
NEARLY_USED = 0.9
"""Share of a budget from which on it is told."""
LEAST_CALLS = 20
"""Calls in an hour below which a share of failures says little."""
_OFTEN, _MOSTLY = 0.1, 0.5
_BACKLOG, _LARGE_BACKLOG = 10_000, 100_000
EXPIRY_NOTICE = timedelta(days=7)
_MOST_OF_A_KIND = 10
_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """An endpoint that is left alone."""

    expert: str
    endpoint: str
    reason: str
    all_down: bool
    """Whether none of the expert's endpoints takes calls."""


@dataclass(frozen=True, slots=True)
class UsedBudget:
    """A budget, and the part of it that is spent or reserved."""

    tenant: str
    key_id: str | None
    period: str
    share: float


@dataclass(frozen=True, slots=True)
class ExpiringKey:
    """A key that stops to work, or has lately."""

    id: str
    name: str
    tenant: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that failed."""

    id: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was found of everything that may need attention; ``None``: it could not be found out."""

    now: datetime
    breakers: Sequence[OpenBreaker] = ()
    calls: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By expert, its calls in the last hour and how many of them failed."""
    budgets: Sequence[UsedBudget] | None = ()
    infeasible: Mapping[str, str] = field(default_factory=dict)
    """By policy, why its budget cannot be kept."""
    keys: Sequence[ExpiringKey] = ()
    jobs: Sequence[FailedJob] = ()
    undrained: int | None = 0
    """Usage records that wait for Postgres."""
    refused: int | None = 0
    """Usage records that Postgres does not accept."""
    spooled: int = 0
    """Bytes of usage that wait for Redis."""
    unpriced: Sequence[str] = ()


def attention_to(found: Circumstances) -> list[Attention]:
    """Return what needs attention, the worst first; of many alike the first, and how many more."""
    told: list[Attention] = []
    for rule in (
        _breakers,
        _errors,
        _budgets,
        _infeasible,
        _keys,
        _jobs,
        _usage,
        _prices,
    ):
        told += _some(list(rule(found)))
    return sorted(told, key=lambda one: _ORDER[one.severity])


def _item(severity: Severity, kind: Kind, text: str, page: LinkPage, id_: str | None) -> Attention:
    return Attention(severity=severity, kind=kind, text=text, link=Link(page=page, id=id_))


def _some(items: list[Attention]) -> list[Attention]:
    items.sort(key=lambda one: _ORDER[one.severity])
    shown, rest = items[:_MOST_OF_A_KIND], items[_MOST_OF_A_KIND:]
    if rest:
        text = f"{len(rest)} more like the ones above."
        shown.append(_item(rest[0].severity, rest[0].kind, text, rest[0].link.page, None))
    return shown


def _breakers(found: Circumstances) -> Iterator[Attention]:
    for one in found.breakers:
        why = f" ({one.reason})" if one.reason else ""
        text = f"Endpoint {one.endpoint} of expert '{one.expert}' fails{why} and is left alone."
        if one.all_down:
            text = f"Expert '{one.expert}' is down: {text}"
        yield _item(
            "error" if one.all_down else "warning", "breaker_open", text, "experts", one.expert
        )


def _errors(found: Circumstances) -> Iterator[Attention]:
    ranked = sorted(found.calls.items(), key=lambda one: (-one[1][1], one[0]))
    for expert, (calls, failed) in ranked:
        if expert and calls >= LEAST_CALLS and failed >= _OFTEN * calls:
            text = f"{failed} of {calls} calls of expert '{expert}' failed in the last hour."
            severity: Severity = "error" if failed >= _MOSTLY * calls else "warning"
            yield _item(severity, "expert_errors", text, "experts", expert)


def _budgets(found: Circumstances) -> Iterator[Attention]:
    if found.budgets is None:
        text = "Redis does not answer: what is used of budgets is not known."
        yield _item("error", "budget_nearly_used", text, "system", None)
        return
    for one in sorted(found.budgets, key=lambda each: -each.share):
        if one.share < NEARLY_USED:
            continue
        whose = f"tenant '{one.tenant}'"
        if one.key_id is not None:
            whose = f"key {one.key_id} of {whose}"
        used = f"{one.share:.0%} of" if one.share < _TIMES else f"{one.share:,.0f} times"
        text = f"{used} the {one.period}'s budget of {whose} is used."
        severity: Severity = "error" if one.share >= 1 else "warning"
        yield _item(severity, "budget_nearly_used", text, "tenants", one.tenant)


def _infeasible(found: Circumstances) -> Iterator[Attention]:
    for policy, message in sorted(found.infeasible.items()):
        text = f"Policy '{policy}': {message} The nearest that can be kept is used."
        yield _item("warning", "budget_infeasible", text, "router", policy)


def _keys(found: Circumstances) -> Iterator[Attention]:
    for key in sorted(found.keys, key=lambda one: one.expires_at):
        named = f"Key '{key.name}' ({key.id}) of tenant '{key.tenant}'"
        if key.expires_at <= found.now:
            text = f"{named} has expired {_ago(found.now - key.expires_at)} ago."
            yield _item("info", "key_expired", text, "tenants", key.tenant)
        else:
            text = f"{named} expires in {_ago(key.expires_at - found.now)}."
            yield _item("warning", "key_expires", text, "tenants", key.tenant)


def _jobs(found: Circumstances) -> Iterator[Attention]:
    for job in found.jobs:
        why = f": {job.message}" if job.message else "."
        yield _item(
            "warning", "job_failed", f"Job {job.id} ({job.kind}) failed{why}", "jobs", job.id
        )


def _usage(found: Circumstances) -> Iterator[Attention]:
    if found.undrained is None or found.refused is None:
        text = "Redis does not answer: usage is kept in files of the replicas meanwhile."
        yield _item("error", "usage_backlog", text, "system", None)
    else:
        if found.undrained >= _BACKLOG:
            severity: Severity = "error" if found.undrained >= _LARGE_BACKLOG else "warning"
            text = f"{found.undrained:,} usage records wait for Postgres: figures are behind."
            yield _item(severity, "usage_backlog", text, "system", None)
        if found.refused:
            text = f"Postgres does not accept {found.refused:,} usage records; they are set aside."
            yield _item("error", "usage_backlog", text, "system", None)
    if found.spooled:
        text = f"{found.spooled:,} bytes of usage wait in this replica's file for Redis."
        yield _item("warning", "usage_backlog", text, "system", None)


def _prices(found: Circumstances) -> Iterator[Attention]:
    if found.unpriced:
        names = _listed(found.unpriced)
        text = f"Without a price, so that they seem to cost nothing: {names}."
        only = found.unpriced[0] if len(found.unpriced) == 1 else None
        yield _item("info", "price_missing", text, "experts", only)


def _listed(names: Iterable[str], most: int = 5) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(f"'{name}'" for name in listed[:most]) + more


def _ago(span: timedelta) -> str:
    hours = int(span / timedelta(hours=1))
    if hours >= 48:
        return f"{hours // 24} days"
    return "an hour" if hours == 1 else f"{hours} hours" if hours else "less than an hour"
