"""What happened to a request, when, and for how long: a waterfall. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from coe_client.types import RequestEvent
from orchestrator.admin.parts.markup import Markup, badge, tag
from orchestrator.admin.parts.numbers import count, money, seconds
from orchestrator.admin.parts.states import empty

_ICONS = {
    "decided": "alt_route",
    "cache": "bolt",
    "attempt": "hub",
    "step": "account_tree",
    "first_token": "first_page",
    "guardrail": "shield",
    "end": "flag",
}
_TONES = {
    "ok": "good",
    "hit": "good",
    "shared": "good",
    "similar": "good",
    "failed": "bad",
    "refused": "warn",
    "cancelled": "warn",
    "skipped": "warn",
    "blocked": "warn",
    "interrupted": "bad",
}
_LEAST = 0.6
"""Per cent of the width that a bar has at least."""


def waterfall(events: Sequence[RequestEvent]) -> Markup:
    """Return the events as bars along the time that the request took."""
    if not events:
        return empty(
            "Nothing was noted", "This request ended before anything happened.", "timeline"
        )
    whole = max(max(one.at_ms + one.duration_ms for one in events), 1e-3)
    rows = [_row(one, whole) for one in events]
    ruler = tag(
        "div",
        tag("span", "0"),
        tag("span", seconds(whole / 2000)),
        tag("span", seconds(whole / 1000)),
        class_="ruler small faint num",
        aria_hidden="true",
    )
    return tag("div", ruler, class_="falls-head") + tag("ol", rows, class_="falls")


def place(event: RequestEvent, whole_ms: float) -> tuple[float, float]:
    """Return where a bar begins and how long it is, in per cent of the width."""
    left = min(max(100 * event.at_ms / whole_ms, 0.0), 100.0 - _LEAST)
    width = max(100 * event.duration_ms / whole_ms, _LEAST)
    return round(left, 2), round(min(width, 100.0 - left), 2)


def _row(event: RequestEvent, whole: float) -> Markup:
    tone = _TONES.get(event.outcome or "", "")
    unknown = event.what == "attempt" and event.duration_ms <= 0
    if unknown:  # when it ended is not on record, only that it was over at the end
        event = event.model_copy(update={"duration_ms": whole - event.at_ms})
    moment = event.duration_ms <= 0
    left, width = place(event, whole)
    icon = tag(
        "span", _ICONS.get(event.what, "circle"), class_="material-icons", aria_hidden="true"
    )
    bar = tag(
        "i",
        class_=" ".join(
            filter(
                None, ("moment" if moment else "", "unknown" if unknown else "", event.what, tone)
            )
        ),
        style=f"left:{left}%;width:{width}%",
    )
    when = f"{'at' if moment else 'from'} {seconds(event.at_ms / 1000)}"
    if not moment and not unknown:
        when = f"took {seconds(event.duration_ms / 1000)}"
    outcome = (
        badge(event.outcome, tone)
        if event.outcome and event.what in {"attempt", "step", "cache", "guardrail", "end"}
        else None
    )
    notes = _notes(event)
    return tag(
        "li",
        tag(
            "div",
            icon,
            tag("span", event.label or event.what, class_="strong"),
            outcome,
            class_="line what",
        ),
        tag("div", bar, class_="track", aria_hidden="true"),
        tag("div", when, class_="num small soft took", title=f"from {seconds(event.at_ms / 1000)}"),
        tag("div", notes, class_="small faint notes") if notes else None,
    )


def _notes(event: RequestEvent) -> str:
    detail = event.detail
    told = [str(detail["reason"])] if detail.get("reason") and event.what != "decided" else []
    if event.what in {"attempt", "step"}:
        endpoint = detail.get("endpoint")
        if endpoint and endpoint != "default":
            told.append(f"endpoint {endpoint}")
        if detail.get("hedge"):
            told.append("asked beside the first, which was slow")
        if detail.get("error"):
            told.append(str(detail["error"]))
        asked, answered = detail.get("prompt_tokens") or 0, detail.get("completion_tokens") or 0
        if asked or answered:
            told.append(f"{count(asked)} tokens in, {count(answered)} out")
        if detail.get("cost_usd"):
            told.append(money(detail["cost_usd"]))
    return " · ".join(told)
