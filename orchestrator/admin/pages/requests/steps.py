"""What a strategy did for a request: its steps as a tree, each with who did it, when, and what it cost. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coe_client.types import RequestStep
from orchestrator.admin.parts.markup import Markup, badge, link, tag
from orchestrator.admin.parts.numbers import count, money, seconds

_TONES = {"ok": "good", "failed": "bad", "cancelled": "warn"}
ROLES = {
    "plan": "Plans what is done next",
    "expert": "Answers",
    "python": "Runs code",
    "verify": "Checks an answer",
    "vote": "Counts votes",
    "aggregate": "Makes one answer of several",
    "guide": "Guides another",
    "correct": "Corrects an answer",
    "decompose": "Splits the task",
    "walk": "Looks up facts",
    "strategy": "A strategy of its own, for a part",
    "lessons": "Recalls what was learnt",
    "rank": "Ranks experts",
    "answer": "Has the last word",
}


def tree(steps: Sequence[RequestStep], left_out: int = 0) -> Markup:
    """Return the steps in their order, parts below what they are parts of.

    Args:
        steps: By number.
        left_out: How many more there were.
    """
    parts: dict[int | None, list[RequestStep]] = {}
    known = {one.number for one in steps}
    for one in steps:
        parts.setdefault(one.parent if one.parent in known else None, []).append(one)
    more = f"{count(left_out)} more are not on record." if left_out else ""
    return _level(None, parts) + (tag("p", more, class_="small faint") if more else Markup(""))


def _level(parent: int | None, parts: Mapping[int | None, Sequence[RequestStep]]) -> Markup:
    rows = [
        tag(
            "li",
            tag("span", class_="mark", aria_hidden="true"),
            _step(one),
            _level(one.number, parts) if one.number in parts else None,
            class_=one.status,
        )
        for one in parts[parent]
    ]
    return tag("ol", rows, class_="steps")


def _step(step: RequestStep) -> Markup:
    role = ROLES.get(step.kind, step.kind)
    tokens = step.prompt_tokens + step.completion_tokens
    about = "about " if step.tokens_estimated else ""
    notes = [
        f"{about}{count(step.prompt_tokens)} tokens in, {count(step.completion_tokens)} out"
        if tokens
        else "",
        money(step.cost_usd) if step.cost_usd else "free" if tokens else "",
        f"took {seconds(step.duration_ms / 1000)}" if step.duration_ms else "",
        f"from {seconds(step.at_ms / 1000)}",
        f"as step {step.reused_from}, for nothing" if step.reused_from else "",
        step.error or "",
    ]
    expert = link(step.expert, f"/admin/experts/{step.expert}") if step.expert else None
    return tag(
        "div",
        tag(
            "div",
            tag("span", f"{step.number}. {step.title or role}", class_="strong"),
            badge(step.status, _TONES.get(step.status, "")),
            expert,
            class_="line who-did",
        ),
        tag(
            "div",
            " · ".join(filter(None, (role if step.title else "", *notes))),
            class_="small faint",
        ),
    )
