"""Guidance by a strong expert, carried out by a cheap one ("Solution Guidance", EIT)."""

from __future__ import annotations

from orchestrator.conductor import prompts
from orchestrator.conductor.nodes.attempt import DRAFTED
from orchestrator.conductor.nodes.team import attempted, cheap, strong, told
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State, with_draft


async def guide(state: State, run: Run) -> State:
    """Have the best expert say how it is done, without doing it."""
    del state
    content = prompts.GUIDE.format(task=run.task.text)
    step = await told(run, "guide", "guide", "Guidance", content, strong(run))
    return {"plan": step.output if step.status == "ok" else ""}


async def follow(state: State, run: Run) -> State:
    """Let a cheap expert do it, with the guidance where there is some."""
    expert, plan = cheap(run), state.get("plan", "")
    content = prompts.FOLLOW.format(task=run.task.text, plan=plan) if plan else run.task.text
    step = await told(run, "follow", "expert", "Follow the guidance", content, expert)
    if step.status == "failed":
        return {"objection": f"{expert} failed: {step.output}"}
    return {"drafts": with_draft(state, step.output, expert, DRAFTED)}


async def take_over(state: State, run: Run) -> State:
    """Let the best expert do it itself, after the cheap one has failed."""
    expert = strong(run)
    step = await attempted(run, "take_over", expert)
    if step.status == "failed":
        return {}
    return {"drafts": with_draft(state, step.output, expert, DRAFTED)}
