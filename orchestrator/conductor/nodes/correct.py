"""The first wrong step, found by a stronger expert and redone by the first ("SuperCorrect")."""

from __future__ import annotations

from orchestrator.conductor import prompts
from orchestrator.conductor.nodes.attempt import ACCEPTED, DRAFTED, REFUSED, newest_draft
from orchestrator.conductor.nodes.team import strong, told
from orchestrator.conductor.nodes.verify import faults_of
from orchestrator.conductor.nodes.wrong_step import wrong_step
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State, with_draft, with_weight

MAX_CORRECTIONS = 2


async def find_error(state: State, run: Run) -> State:
    """Have a stronger expert look for the first wrong step of the newest draft."""
    draft = newest_draft(state)
    key = f"find_error.{len(state['drafts'])}"
    faults = await faults_of(run, draft, key)
    if faults:
        return {"drafts": with_weight(state, REFUSED), "verified": False, "objection": faults}
    content = prompts.FIND_ERROR.format(task=run.task.text, draft=draft)
    expert = strong(run, but=state["charge"])
    step = await told(run, key, "correct", "Look for the first wrong step", content, expert)
    if step.status == "failed":
        return {"answer": draft}
    if wrong_step(step.output) is None:
        judged = with_weight(state, ACCEPTED)
        return {"drafts": judged, "answer": draft, "verified": True, "objection": ""}
    return {"drafts": with_weight(state, REFUSED), "verified": False, "objection": step.output}


async def redo(state: State, run: Run) -> State:
    """Let the first expert do it anew from the wrong step on."""
    count = len(state["drafts"])
    if count > MAX_CORRECTIONS:
        return {"answer": newest_draft(state)}
    content = prompts.REDO.format(
        task=run.task.text, draft=newest_draft(state), objection=state["objection"]
    )
    step = await told(run, f"redo.{count}", "expert", "Redo", content, state["charge"])
    if step.status == "failed" or not step.output.strip():
        return {"answer": newest_draft(state)}
    return {"drafts": with_draft(state, step.output, state["charge"], DRAFTED)}
