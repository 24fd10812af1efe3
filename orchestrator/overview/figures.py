"""Figures for people out of sums: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.overview.baseline import Baseline
from orchestrator.overview.schemas import Breakdown, Change, Figures, Group, Percentiles
from orchestrator.usage.sums.histogram import counts_of, percentiles
from orchestrator.usage.sums.tables import SUMS, TIMES

Sums = Mapping[str, Any]
"""Of the names in :data:`SUMS`; histograms as text, as Postgres gives them."""
NOTHING: dict[str, Any] = {name: "0" if name in TIMES else 0 for name in SUMS}
ROUTED = (
    "prompt_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cost_nanos",
)
"""What is looked at of requests that the router did not decide."""
MOST_GROUPS = 20
_NANOS = 1e9


@dataclass(frozen=True, slots=True)
class Found:
    """What requests came to.

    Args:
        sums: Of all of them.
        named: :data:`ROUTED` sums of those that the router did not decide.
    """

    sums: Sums
    named: Sums

    def plus(self, other: Found) -> Found:
        """Return both together."""
        return Found(_added(self.sums, other.sums), _added(self.named, other.named))


EMPTY = Found(NOTHING, NOTHING)


def figures(found: Found, baseline: Baseline | None) -> dict[str, Any]:
    """Return the fields of :class:`Figures`.

    Args:
        found: What the requests came to.
        baseline: Whom they are compared with.
    """
    sums = found.sums
    looked = sums["cache_hits"] + sums["cache_misses"]
    would = saved = None
    if baseline is not None:
        routed = {name: sums[name] - found.named[name] for name in ROUTED}
        would = baseline.nanos(routed)
        saved = would - routed["cost_nanos"]
    return {
        **{name: sums[name] for name in Figures.model_fields if name in sums},
        "error_share": share(sums["failed"] + sums["interrupted"], sums["requests"]),
        "cost_usd": sums["cost_nanos"] / _NANOS,
        "baseline_usd": None if would is None else would / _NANOS,
        "saved_usd": None if saved is None else saved / _NANOS,
        "saved_share": share(saved, would),
        "cache_hit_share": share(sums["cache_hits"], looked),
        "cache_saved_usd": sums["saved_nanos"] / _NANOS,
        "cache_saved_tokens": sums["saved_tokens"],
        "latency_ms": times(sums["latency"]),
        "first_token_ms": times(sums["first_token"]),
    }


def times(histogram: str) -> Percentiles:
    """Return the percentiles of a histogram."""
    counts = counts_of(histogram)
    found = [
        None if one is None else round(one, 1) for one in percentiles(counts, (0.5, 0.9, 0.99))
    ]
    return Percentiles(count=sum(counts.values()), p50=found[0], p90=found[1], p99=found[2])


def share(part: float | None, whole: float | None) -> float | None:
    """Return a part of a whole, ``None`` of nothing."""
    return part / whole if part is not None and whole else None


def change(now: Figures, before: Figures) -> Change:
    """Return how figures differ from those before."""
    tokens = [one.prompt_tokens + one.completion_tokens for one in (now, before)]
    return Change(
        requests=_grown(now.requests, before.requests),
        tokens=_grown(*tokens),
        cost_usd=_grown(now.cost_usd, before.cost_usd),
        saved_usd=_grown(now.saved_usd, before.saved_usd),
        error_share=_moved(now.error_share, before.error_share),
        cache_hit_share=_moved(now.cache_hit_share, before.cache_hit_share),
        latency_p50_ms=_grown(now.latency_ms.p50, before.latency_ms.p50),
        first_token_p50_ms=_grown(now.first_token_ms.p50, before.first_token_ms.p50),
    )


def breakdown(
    groups: Mapping[str, Found],
    total: Found,
    baseline: Baseline | None,
    name_of: Callable[[str], str],
) -> Breakdown:
    """Return the groups with most requests, and all others together.

    Args:
        groups: What each came to, by its id.
        total: What all requests came to.
        baseline: Whom they are compared with.
        name_of: Returns the name of a group for people.
    """
    ranked = sorted(
        groups, key=lambda id_: (-groups[id_].sums["requests"], -groups[id_].sums["calls"], id_)
    )
    shown, rest = ranked[:MOST_GROUPS], ranked[MOST_GROUPS:]
    others = EMPTY
    for id_ in rest:
        others = others.plus(groups[id_])
    requests, cost = total.sums["requests"], total.sums["cost_nanos"]
    return Breakdown(
        data=[
            Group(
                id=id_,
                name=name_of(id_),
                requests_share=share(groups[id_].sums["requests"], requests),
                cost_share=share(groups[id_].sums["cost_nanos"], cost),
                **figures(groups[id_], baseline),
            )
            for id_ in shown
        ],
        others=Figures(**figures(others, baseline)) if rest else None,
        others_count=len(rest),
    )


def _grown(now: float | None, before: float | None) -> float | None:
    return (now - before) / abs(before) if now is not None and before else None


def _moved(now: float | None, before: float | None) -> float | None:
    return now - before if now is not None and before is not None else None


def _added(one: Sums, other: Sums) -> dict[str, Any]:
    return {
        name: str(int(one[name]) + int(other[name])) if name in TIMES else one[name] + other[name]
        for name in one
        if name in other
    }
