"""Splits only what a direct attempt failed at ("DaSLaM"); strong experts answer the parts."""

from __future__ import annotations

import re

from orchestrator.conductor import prompts
from orchestrator.conductor.limits import check_depth
from orchestrator.conductor.nesting import work_below
from orchestrator.conductor.nodes.attempt import DRAFTED, newest_draft
from orchestrator.conductor.nodes.team import strong, told
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State, with_draft
from orchestrator.conductor.values import Ask, Step
from orchestrator.conductor.work import together

NAME = "decompose"
MAX_PARTS = 5
_ITEM = re.compile(r"^[ \t]*(?:[-*\u2022]|\d{1,2}[.)])[ \t]+(.+)$", re.MULTILINE)


async def split(state: State, run: Run) -> State:
    """Have the expert that tried name the questions that its attempt failed at.

    Raises:
        LimitReached: If parts would be a level too deep.
    """
    check_depth(run.limits, run.depth + 1)
    content = prompts.SPLIT.format(
        most=MAX_PARTS,
        task=run.task.text,
        draft=newest_draft(state),
        objection=state.get("objection", ""),
    )
    step = await told(run, "split", "decompose", "Split", content, state["charge"])
    parts = questions_in(step.output) if step.status == "ok" else []
    return {"plan": "\n".join(parts)}


async def solve_parts(state: State, run: Run) -> State:
    """Have the parts answered at the same time.

    Where a part could itself be split, it is done as the whole is: attempted, checked, and split if
    it fails. On the last level whom the router picks for it answers it.
    """
    parts = [part for part in state.get("plan", "").split("\n") if part]
    solve = _split_again if run.depth + 2 <= run.limits.depth else _asked
    steps = await together(
        solve(run, f"part.{place}", part, f"Part {place}") for place, part in enumerate(parts, 1)
    )
    answers = [
        f"{part}\n{step.output}"
        for part, step in zip(parts, steps, strict=True)
        if step.status == "ok"
    ]
    return {"plan": "\n\n".join(answers)}


async def _split_again(run: Run, key: str, part: str, title: str) -> Step:
    del title
    return await work_below(run, key, NAME, part)


async def _asked(run: Run, key: str, part: str, title: str) -> Step:
    return await run.ask(
        Ask(key, "expert", ({"role": "user", "content": part},), title, skill=part)
    )


async def combine(state: State, run: Run) -> State:
    """Put the answers to the parts together; without any, the best expert tries the whole."""
    answers, expert = state.get("plan", ""), strong(run)
    content = (
        prompts.COMBINE.format(task=run.task.text, answers=answers) if answers else run.task.text
    )
    step = await told(run, "combine", "aggregate", "Combine", content, expert)
    if step.status == "failed":
        return {}
    return {"drafts": with_draft(state, step.output, expert, DRAFTED), "answer": step.output}


def questions_in(text: str) -> list[str]:
    """Return the questions that stand on lines of their own; at most ``MAX_PARTS``."""
    items = (" ".join(item.split()) for item in _ITEM.findall(text))
    return list(dict.fromkeys(item for item in items if item))[:MAX_PARTS]
