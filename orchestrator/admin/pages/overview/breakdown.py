"""Who the requests went to and came from, as bars with numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from coe_client.types import Breakdown, Figures, FiguresGroup
from orchestrator.admin.parts.markup import Content, Markup, link, meter, table, tag
from orchestrator.admin.parts.numbers import count, money, seconds, share
from orchestrator.admin.parts.states import empty

KINDS = {"expert": "Expert", "category": "Category", "tenant": "Tenant"}
_NONE = {
    "expert": "none answered",
    "category": "none: the expert was named",
    "tenant": "none",
}
_HEADINGS = ("", "Share of requests", "Requests", "Spent", "Share of money", "Latency", "Errors")


def breakdown(kind: str, found: Breakdown, only: Mapping[str, str]) -> Markup:
    """Return a table of groups, most requests first.

    Args:
        kind: ``expert``, ``category`` or ``tenant``.
        found: The groups.
        only: Parameters of the address of requests: range and filters.
    """
    if not found.data:
        return empty(
            "No requests in this time", "Choose a longer range, or other filters.", "bar_chart"
        )
    rows = [
        _row(_name(kind, one, only), one, one.requests_share, one.cost_share) for one in found.data
    ]
    if found.others is not None:
        name = tag("span", f"{count(found.others_count)} others", class_="soft")
        rows.append(_row(name, found.others, None, None))
    headings = (KINDS[kind], *_HEADINGS[1:])
    return table(f"Requests by {kind}", headings, rows, numeric=range(1, len(headings)))


def requests_address(only: Mapping[str, str], **more: str) -> str:
    """Return the address of the requests that are meant."""
    asked = {name: value for name, value in {**only, **more}.items() if value}
    return "/admin/requests" + (f"?{urlencode(asked)}" if asked else "")


def _name(kind: str, one: FiguresGroup, only: Mapping[str, str]) -> Markup:
    if not one.id:
        return tag("span", _NONE[kind], class_="soft")
    address = requests_address(only, **{kind: one.id})
    shown = link(one.name or one.id, address, "row-link")
    return shown + (
        tag("span", one.id, class_="sub") if one.name and one.name != one.id else Markup("")
    )


def _row(
    name: Markup, one: Figures, requests_share: float | None, cost_share: float | None
) -> list[Content]:
    took = one.latency_ms.p50
    bar = (
        tag(
            "span",
            meter(requests_share, name="Share of requests"),
            tag("span", share(requests_share), class_="num"),
            class_="metered",
        )
        if requests_share is not None
        else None
    )
    return [
        name,
        bar or "–",
        count(one.requests),
        money(one.cost_usd),
        share(cost_share) if cost_share is not None else "–",
        seconds(None if took is None else took / 1000),
        share(one.error_share),
    ]
