"""Experts as they are now, and what they did in the last hour and day."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from experts.calling.breaker import State
from experts.catalogue.expert import Expert
from orchestrator.overview.attention import LEAST_CALLS
from orchestrator.overview.figures import NOTHING, Sums, share, times
from orchestrator.overview.schemas import (
    EndpointState,
    ExpertFigures,
    Health,
    InMemory,
    LastError,
    Window,
)
from orchestrator.overview.sources import Sources
from orchestrator.usage.sums.histogram import counts_of, percentiles
from orchestrator.usage.sums.ranges import HOUR, Range, floor, told
from orchestrator.usage.sums.repository import summed
from orchestrator.usage.tables import usage

_WANTED = (
    "requests",
    "calls",
    "failed_calls",
    "cost_nanos",
    "streamed_tokens",
    "streamed_ms",
    "latency",
    "first_token",
)
_DEGRADED_SHARE = 0.1
_ERROR_DAYS = timedelta(days=7)
_LOADED: dict[str, InMemory] = {"loaded": "loaded", "loading": "loading"}


@dataclass(frozen=True, slots=True)
class Lately:
    """What experts did in the last hour and day, by id."""

    hour: Mapping[str, Sums]
    day: Mapping[str, Sums]
    hour_requests: int
    day_requests: int


class ExpertWatch:
    """Knows what experts did lately, as of some seconds ago: lists of them are asked for page by page.

    Args:
        engine: Where the sums are.
        fresh: Seconds for which what was read is good enough.
    """

    def __init__(self, engine: AsyncEngine, fresh: float = 5.0) -> None:
        self._engine = engine
        self.fresh = fresh
        self._known: tuple[float, Lately] | None = None
        self._reading = asyncio.Lock()

    async def lately(self) -> Lately:
        """Return what experts did in the last hour and day.

        Raises:
            SQLAlchemyError: If Postgres does not answer.
        """
        async with self._reading:
            known, clock = self._known, time.monotonic()
            if known is None or clock - known[0] >= self.fresh:
                async with self._engine.connect() as connection:
                    known = clock, await _lately(connection, datetime.now(UTC))
                self._known = known
            return known[1]


@dataclass(frozen=True, slots=True)
class Place:
    """An expert in a list: its entry and its health."""

    expert: Expert
    health: Health
    problem: str | None


async def _lately(connection: AsyncConnection, now: datetime) -> Lately:
    hour = told(now - timedelta(hours=1), now, now)
    # Whole hours: a day of minutes of a thousand experts would be read in vain.
    day = Range(floor(now, HOUR) - timedelta(hours=23), floor(now, HOUR) + timedelta(hours=1))
    found = [
        await summed(connection, range_, only={}, by="expert", sums=_WANTED)
        for range_ in (hour, day)
    ]
    totals = [sum(sums["requests"] for sums in each.values()) for each in found]
    return Lately(found[0], found[1], totals[0], totals[1])


def place_of(expert: Expert, sources: Sources, did: Lately) -> Place:
    """Return how an expert is."""
    views = [sources.health.view(one) for one in sources.health.fleet(expert).replicas]
    health, problem = health_of(
        expert,
        [view.state for view in views],
        [view.reason for view in views if view.reason and view.state is not State.CLOSED],
        did.hour.get(expert.id, NOTHING),
        did.day.get(expert.id, NOTHING),
    )
    return Place(expert, health, problem)


def health_of(
    expert: Expert, breakers: Sequence[str], reasons: list[str], hour: Sums, day: Sums
) -> tuple[Health, str | None]:
    """Return how an expert is, and what is wrong with it for people. Pure.

    Args:
        expert: Its entry.
        breakers: The state of each of its endpoints' breakers.
        reasons: Why some of them are not closed.
        hour: What it did in the last hour.
        day: Likewise in the last day.
    """
    if not expert.enabled:
        return "disabled", None
    shut = sum(state != "closed" for state in breakers)
    why = f" ({', '.join(sorted(set(reasons)))})" if reasons else ""
    if shut and shut == len(breakers):
        return "down", f"No endpoint takes calls{why}."
    if shut:
        return "degraded", f"{shut} of {len(breakers)} endpoints take no calls{why}."
    calls, failed = hour["calls"], hour["failed_calls"]
    if calls >= LEAST_CALLS and failed >= _DEGRADED_SHARE * calls:
        return "degraded", f"{failed} of {calls} calls failed in the last hour."
    return ("ok" if day["calls"] or day["requests"] else "unused"), None


def order_of(sort: str, did: Lately) -> Callable[[Place], Any]:
    """Return what places are sorted by; of equals the first by id.

    Args:
        sort: ``name``, ``requests``, ``cost``, ``errors`` or ``latency``; with ``-`` the other way.
        did: What experts did.
    """
    name = sort.removeprefix("-")

    def measure(place: Place) -> float:
        sums = did.day.get(place.expert.id, NOTHING)
        if name == "errors":
            return share(sums["failed_calls"], sums["calls"]) or 0.0
        if name == "latency":
            return percentiles(counts_of(sums["latency"]), (0.5,))[0] or 0.0
        return float(sums["requests" if name == "requests" else "cost_nanos"])

    if name == "name":
        return lambda place: (shown_name(place.expert).casefold(), place.expert.id)
    sign = -1.0 if sort.startswith("-") else 1.0
    return lambda place: (sign * measure(place), place.expert.id)


def shown_name(expert: Expert) -> str:
    """Return what an expert is called for people."""
    return expert.name or expert.id


def figures_of(
    place: Place,
    sources: Sources,
    did: Lately,
    residency: InMemory | None,
    last_error: LastError | None,
) -> ExpertFigures:
    """Return all that is shown of an expert."""
    expert = place.expert
    return ExpertFigures(
        id=expert.id,
        name=shown_name(expert),
        provider=expert.provider,
        model=expert.model,
        tags=sorted(expert.tags),
        enabled=expert.enabled,
        version=sources.catalogue.versions[expert.id],
        health=place.health,
        problem=place.problem,
        priced=expert.price.input > 0 or expert.price.output > 0,
        endpoints=_endpoints(expert, sources),
        residency=residency,
        last_error=last_error,
        hour=_window(did.hour.get(expert.id, NOTHING), did.hour_requests),
        day=_window(did.day.get(expert.id, NOTHING), did.day_requests),
    )


async def residency_by_expert(sources: Sources) -> dict[str, InMemory]:
    """Return, of experts with local models, whether these are in memory."""
    found: dict[str, InMemory] = {}
    for model in await sources.residency.view():
        for id_ in model.experts:
            found[id_] = _LOADED.get(model.state, "absent")
    return found


async def last_errors(
    connection: AsyncConnection, experts: list[str], now: datetime
) -> dict[str, LastError]:
    """Return the last request of each expert that failed, within a week."""
    listed = sa.func.unnest(sa.cast(experts, sa.ARRAY(sa.Text)))
    asked = listed.table_valued("id", name="asked").render_derived()
    latest = (
        sa.select(usage.c.error_code, usage.c.started_at, usage.c.request_id)
        .where(
            usage.c.expert == asked.c.id,
            usage.c.status == "failed",
            usage.c.started_at > now - _ERROR_DAYS,
        )
        .order_by(usage.c.started_at.desc())
        .limit(1)
        .lateral("latest")
    )
    query = sa.select(asked.c.id, latest).select_from(asked.join(latest, sa.true()))
    return {
        id_: LastError(code=code or "unknown", at=at, request_id=request_id)
        for id_, code, at, request_id in await connection.execute(query)
    }


def _window(sums: Sums, all_requests: int) -> Window:
    return Window(
        requests=sums["requests"],
        requests_share=share(sums["requests"], all_requests),
        calls=sums["calls"],
        failed_calls=sums["failed_calls"],
        error_share=share(sums["failed_calls"], sums["calls"]),
        cost_usd=sums["cost_nanos"] / 1e9,
        latency_ms=times(sums["latency"]),
        first_token_ms=times(sums["first_token"]),
        tokens_per_second=share(1000 * sums["streamed_tokens"], sums["streamed_ms"]),
    )


def _endpoints(expert: Expert, sources: Sources) -> list[EndpointState]:
    health, shift = sources.health, sources.breakers.shift()
    found = []
    for replica in health.fleet(expert).replicas:
        view = health.view(replica)
        open_ = view.state is not State.CLOSED
        found.append(
            EndpointState(
                endpoint=view.endpoint,
                breaker=view.state.value,
                reason=view.reason or None if open_ else None,
                until=datetime.fromtimestamp(view.until + shift, UTC) if open_ else None,
                outstanding=view.outstanding,
            )
        )
    return found
