"""How an expert's health is told: words and tones. Pure."""

from __future__ import annotations

from orchestrator.admin.parts.markup import Markup, badge, tag

HEALTH = {
    "ok": ("healthy", "good"),
    "degraded": ("degraded", "warn"),
    "down": ("down", "bad"),
    "disabled": ("switched off", ""),
    "unused": ("not used lately", "info"),
}
BREAKERS = {
    "closed": ("takes calls", "good"),
    "half_open": ("is tried again", "warn"),
    "open": ("left alone", "bad"),
}
MEMORY = {"loaded": "in memory", "loading": "is being loaded", "absent": "not in memory"}
EXPLAINED = {
    "ok": "It answers.",
    "degraded": "Some of its endpoints are left alone, or some of its calls fail.",
    "down": "No endpoint of it takes calls at the moment: the router goes round it.",
    "disabled": "Nobody can ask it, and the router does not choose it.",
    "unused": "Nobody has called it in the last day, so nothing is known about its health.",
}


def health(name: str) -> Markup:
    """Return an expert's health as a badge that says what it means when pointed at."""
    text, tone = HEALTH.get(name, (name, ""))
    return tag("span", badge(text, tone, dot=True), title=EXPLAINED.get(name))


def breaker(state: str) -> Markup:
    """Return a circuit breaker's state as a badge."""
    text, tone = BREAKERS.get(state, (state, ""))
    return badge(text, tone, dot=True)
