"""The steps of a run as a list that opens, for runs and for strategies in chat."""

from __future__ import annotations

import json
from collections.abc import Sequence

from coe_client.types import RunStep
from orchestrator.admin.parts.markup import Markup, badge, tag
from orchestrator.admin.parts.numbers import count, money, seconds
from orchestrator.admin.parts.states import empty

_TONES = {"ok": "good", "failed": "bad", "running": "info", "waiting": "warn"}


def tree(steps: Sequence[RunStep]) -> Markup:
    """Return the steps in their order; each opens to what was asked and what came of it."""
    if not steps:
        return empty("No steps yet", "They appear here as they are begun.", "pending")
    return tag("ol", [_step(step) for step in steps], class_="steps")


def _step(step: RunStep) -> Markup:
    notes = [
        step.expert,
        f"{count(step.prompt_tokens + step.completion_tokens)} tokens"
        if step.completion_tokens
        else "",
        money(step.usd) if step.usd else "",
        seconds(step.seconds) if step.seconds else "",
        f"as step {step.reused_from}" if step.reused_from else "",
        "taken over" if step.inherited else "",
    ]
    head = tag(
        "summary",
        tag("span", step.title or step.kind, class_="strong"),
        badge(step.status, _TONES.get(step.status, "")),
        tag("span", " · ".join(filter(None, notes)), class_="small faint"),
    )
    parts = [
        tag("h3", name) + tag("pre", text, class_="block", tabindex="0")
        for name, text in (
            ("Asked", step.input),
            ("Tools", json.dumps(step.tool_calls, indent=2) if step.tool_calls else ""),
            ("Came of it", step.output),
        )
        if text
    ]
    opened = step.status in {"running", "waiting"}
    body = tag("details", head, tag("div", parts, class_="what"), open=opened)
    return tag("li", tag("span", class_="mark", aria_hidden="true"), body, class_=step.status)
