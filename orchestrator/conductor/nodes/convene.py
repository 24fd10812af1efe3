"""Asks several experts at once: as many as it takes for their share of the trust to reach tau.

"Harder Tasks Need More Experts" (arXiv 2403.07652): one where the router is sure who is best, more
where several are expected to do about as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from orchestrator.conductor.limits import LimitReached
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import Heard, State
from orchestrator.conductor.values import Ask, Step

TAU = 0.7
MOST = 5
_SHARPNESS = 20.0
"""An expert expected to be right a twentieth more often has e times the share."""


async def convene(state: State, run: Run) -> State:
    """Ask the panel; those that a limit leaves out are missing, those that fail say nothing."""
    del state
    chosen = seats(run.experts.ranked(run.task, policy="quality"))
    asks = [question(run, f"panel.{place}", expert) for place, expert in enumerate(chosen, 1)]
    changed: State = {}
    try:
        await run.ask_all(asks)
    except LimitReached as reached:
        changed["stopped"] = str(reached)
    changed["heard"] = [heard_of(ask, step) for ask in asks if (step := run.step(ask.key))]
    changed["drafts"] = [
        {"text": each["text"], "by": each["expert"], "weight": 0.4}
        for each in reversed(changed["heard"])
        if each["text"].strip()
    ]
    return changed


def seats(ranked: Sequence[tuple[str, float]], tau: float = TAU, most: int = MOST) -> list[str]:
    """Return the smallest panel of the best whose shares reach tau.

    Args:
        ranked: Experts with their expected quality, best first.
        tau: Share of the trust, 0..1.
        most: Experts on a panel.
    """
    ordered = sorted(ranked, key=lambda each: -each[1])
    best = ordered[0][1]
    trust = [math.exp(_SHARPNESS * (quality - best)) for _, quality in ordered]
    reached = 0.0
    found: list[str] = []
    for (expert, _), own in zip(ordered, trust, strict=True):
        if found and (reached >= tau * sum(trust) or len(found) >= most):
            break
        found.append(expert)
        reached += own
    return found


def question(run: Run, key: str, expert: str) -> Ask:
    """Return the call that puts the task itself to an expert."""
    return Ask(
        key=key,
        kind="expert",
        title="Answer",
        messages=run.task.messages,
        expert=expert,
        parameters=dict(run.task.parameters),
    )


def heard_of(ask: Ask, step: Step) -> Heard:
    """Return what an expert answered, without text where it failed."""
    text = step.output if step.status == "ok" else ""
    return Heard(expert=step.expert, key=ask.key, text=text)
