"""The figures on top of the overview, each beside what it was before. Pure."""

from __future__ import annotations

from coe_client.types import Overview
from orchestrator.admin.pages.overview.words import amount, points
from orchestrator.admin.parts.markup import Content, Markup, tag
from orchestrator.admin.parts.numbers import count, money, seconds, share
from orchestrator.admin.parts.panels import tile


def figures(found: Overview, before: str) -> Markup:
    """Return the figures as markup.

    Args:
        found: The overview.
        before: What the range is compared with, in words.
    """
    now, change = found.totals, found.change
    faster = ("slower", "faster")
    members = [
        tile("Requests", count(now.requests), amount(change.requests)),
        tile("Spent", money(now.cost_usd), amount(change.cost_usd)),
        _saved(found),
        tile(
            "Latency, p50",
            _took(now.latency_ms.p50),
            amount(change.latency_p50_ms, better="less", words=faster),
        ),
        tile(
            "Latency, p99",
            _took(now.latency_ms.p99),
            amount(
                _change(found.previous.latency_ms.p99, now.latency_ms.p99),
                better="less",
                words=faster,
            ),
        ),
        tile(
            "First token, p50",
            _took(now.first_token_ms.p50),
            amount(change.first_token_p50_ms, better="less", words=faster),
        ),
        tile("Errors", share(now.error_share), points(change.error_share, better="less")),
        tile(
            "Cache hits",
            share(now.cache_hit_share),
            points(change.cache_hit_share, better="more", nothing=_cache(found)),
        ),
    ]
    against = tag("p", f"Compared with {before}.", class_="small faint")
    return tag("div", members, class_="tiles by-four") + against


def _saved(found: Overview) -> Markup:
    best, now = found.best_single, found.totals
    if best is None or now.saved_usd is None:
        return _explained(
            "Saved", "–", tag("span", "no expert to compare with", class_="faint"), ""
        )
    name = best.name or best.expert
    if not best.priced:
        note: Content = tag("span", f"{name} has no price", class_="faint")
        return _explained("Saved", "–", note, best.method)
    part = f"{share(now.saved_share, 0)} cheaper than" if (now.saved_share or 0) > 0 else "against"
    told = f"{part} {name} alone"
    return _explained("Saved", money(now.saved_usd), told, best.method)


def _explained(name: str, value: str, note: Content, method: str) -> Markup:
    mark = tag(
        "span",
        tag("span", "help_outline", class_="material-icons", aria_hidden="true"),
        tag("span", method, class_="bubble", role="tooltip"),
        class_="explains",
        tabindex="0",
        role="note",
        aria_label=f"How this is reckoned: {method}",
    )
    return tag(
        "div",
        tag(
            "div",
            tag("span", name, class_="clip", title=name),
            mark if method else None,
            class_="name line",
        ),
        tag("div", value, class_="value"),
        tag("div", note, class_="note"),
        class_="tile",
    )


def _cache(found: Overview) -> str:
    asked = found.totals.cache_hits + found.totals.cache_misses
    return "nothing before" if asked else "nobody asked for it"


def _took(milliseconds: float | None) -> str:
    return seconds(None if milliseconds is None else milliseconds / 1000)


def _change(before: float | None, now: float | None) -> float | None:
    return (now - before) / before if before and now is not None else None
