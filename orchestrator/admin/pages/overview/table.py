"""What the charts draw, as a table: for those who do not see them, or want the numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from coe_client.types import FiguresBucket
from orchestrator.admin.parts.markup import Content, Markup, table, tag
from orchestrator.admin.parts.numbers import count, money, seconds

_HEADINGS = (
    "From",
    "Requests",
    "Failed",
    "Spent",
    "At the best single expert",
    "p50",
    "p99",
    "First token, p50",
    "Cache hits",
)


def series_table(series: Sequence[FiguresBucket], zone: tzinfo) -> Markup:
    """Return figures by bucket, the latest first; those in which nothing happened are left out.

    Args:
        series: By bucket, in order of time.
        zone: Of whoever looks.
    """
    rows = list(_rows(series, zone))
    if not rows:
        return tag("p", "Nothing happened in this time.", class_="soft small")
    return table("Figures over time", _HEADINGS, rows, numeric=range(1, len(_HEADINGS)))


def _rows(series: Sequence[FiguresBucket], zone: tzinfo) -> Iterator[list[Content]]:
    for one in reversed(series):
        if one.requests:
            yield [
                f"{one.at.astimezone(zone):%d %b, %H:%M}",
                count(one.requests),
                count(one.failed + one.interrupted),
                money(one.cost_usd),
                money(one.baseline_usd),
                _took(one.latency_ms.p50),
                _took(one.latency_ms.p99),
                _took(one.first_token_ms.p50),
                count(one.cache_hits),
            ]


def _took(milliseconds: float | None) -> str:
    return seconds(None if milliseconds is None else milliseconds / 1000)
