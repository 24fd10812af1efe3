"""What is told of an expert, as names and values. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from coe_client.types import Expert, ExpertFigures, RouterInfo
from orchestrator.admin.parts.markup import Content, Markup, badge, tag
from orchestrator.admin.parts.numbers import count, money, seconds, share
from orchestrator.admin.parts.panels import tile

_CAN = {
    "streaming": "streaming",
    "tools": "tools",
    "json": "JSON",
    "vision": "images",
    "embeddings": "embeddings",
}


def figures(known: ExpertFigures) -> list[Markup]:
    """Return the figures of an expert's last hour, with those of its last day beside them."""
    hour, day = known.hour, known.day

    def took(value: float | None) -> str:
        return seconds(None if value is None else value / 1000)

    return [
        tile(
            "Requests, last hour",
            count(hour.requests),
            f"{share(hour.requests_share)} of all; {count(day.requests)} in 24 h",
        ),
        tile(
            "Latency, last hour",
            took(hour.latency_ms.p50),
            f"p99 {took(hour.latency_ms.p99)}; in 24 h {took(day.latency_ms.p50)}",
        ),
        tile(
            "First token",
            took(hour.first_token_ms.p50),
            f"{hour.tokens_per_second:.0f} tokens a second"
            if hour.tokens_per_second
            else f"in 24 h {took(day.first_token_ms.p50)}",
        ),
        tile("Cost, last hour", money(hour.cost_usd), f"{money(day.cost_usd)} in 24 h"),
        tile(
            "Failed calls, last hour",
            share(hour.error_share),
            f"{count(hour.failed_calls)} of {count(hour.calls)}; in 24 h {share(day.error_share)}",
        ),
    ]


def about(expert: Expert) -> list[tuple[str, Content]]:
    """Return what an entry says, as far as it says anything."""
    kept: list[tuple[str, Content]] = [
        ("Model", tag("code", expert.model) if expert.model else ""),
        ("Can do", [badge(_CAN.get(one, one)) + " " for one in expert.capabilities]),
        ("Context", f"{expert.context_window:,} tokens"),
        ("Parameters", _billions(expert)),
        ("More names", ", ".join(expert.aliases)),
        ("Fallbacks", ", then ".join(expert.fallbacks)),
        ("Only for", ", ".join(expert.accepts)),
        ("System prompt", _shortened(expert.system_prompt or "")),
    ]
    return [(name, value) for name, value in kept if value not in ("", [])]


def prices(expert: Expert) -> list[tuple[str, Content]]:
    """Return what a million tokens cost, as far as there are prices."""
    price = expert.price
    kept = [
        ("Input", price.input or None),
        ("Output", price.output or None),
        ("Cached input", price.cached_input),
        ("Cache writes", price.cache_write),
        ("Reasoning", price.reasoning),
    ]
    told: list[tuple[str, Content]] = [
        (name, f"{money(value)} per million tokens") for name, value in kept if value is not None
    ]
    for tier in price.tiers:
        text = f"{money(tier.input)} in, {money(tier.output)} out"
        told.append((f"Above {tier.above:,} tokens", text))
    told += [
        (f"Service '{one.name}'", f"{money(one.input)} in, {money(one.output)} out")
        for one in price.service_tiers
    ]
    return told


def routed(router: RouterInfo, expert_id: str) -> list[tuple[str, list[str]]]:
    """Return which categories each policy sends to an expert, by policy; those that send none are left out."""
    names: Mapping[str, str] = {one.id: one.name or one.id for one in router.categories}
    found = [
        (policy, [names.get(one, one) for one, goes in mapping.items() if goes == expert_id])
        for policy, mapping in sorted(router.policies.items())
    ]
    return [(policy, categories) for policy, categories in found if categories]


def who(name: str | None) -> Markup:
    """Return who made a change, without the id of the key, which is told when pointed at."""
    shown, bracket, _ = (name or "").rpartition(" (")
    return tag("span", shown if bracket else name or "", title=name)


def _billions(expert: Expert) -> str:
    active, total = expert.active_parameters, expert.total_parameters
    if active is None and total is None:
        return ""
    if active is None or total is None or active == total:
        return f"{active or total:g} billion"
    return f"{active:g} of {total:g} billion work on each token"


def _shortened(text: str, most: int = 160) -> str:
    return text if len(text) <= most else f"{text[:most].rstrip()} …"
