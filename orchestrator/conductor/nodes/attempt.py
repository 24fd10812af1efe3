"""A draft, and an independent check of it."""

from __future__ import annotations

from orchestrator.conductor.nodes.team import attempted, cheap
from orchestrator.conductor.nodes.verify import verified
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State, best_draft, with_draft, with_weight

DRAFTED, REFUSED, ACCEPTED = 0.5, 0.2, 0.9


async def attempt(state: State, run: Run) -> State:
    """Let the cheapest expert that can be expected to do try the task."""
    expert = cheap(run)
    step = await attempted(run, "attempt", expert)
    if step.status == "failed":
        return {"charge": expert, "objection": f"{expert} failed: {step.output}"}
    drafts = with_draft(state, step.output, expert, DRAFTED)
    return {"charge": expert, "drafts": drafts, "objection": ""}


async def check_draft(state: State, run: Run) -> State:
    """Have the newest draft checked by somebody else; what stands becomes the answer."""
    drafts = state.get("drafts", [])
    if not drafts:
        return {}
    newest = drafts[-1]
    key = f"check_draft.{len(drafts)}"
    right, said = await verified(run, newest["text"], key=key, not_by=frozenset({newest["by"]}))
    if right is None:
        return {"answer": newest["text"]}
    weight = ACCEPTED if right else REFUSED
    judged = with_weight(state, weight)
    if right:
        return {"drafts": judged, "answer": newest["text"], "verified": True, "objection": ""}
    return {"drafts": judged, "verified": False, "objection": said}


def settled(state: State) -> bool:
    """Tell whether there is an answer."""
    return bool(state.get("answer"))


def newest_draft(state: State) -> str:
    """Return the draft that was made last; empty where there is none."""
    drafts = state.get("drafts")
    return drafts[-1]["text"] if drafts else ""


async def take_best(state: State, run: Run) -> State:
    """Answer with the draft that is believed most."""
    del run
    best = best_draft(state)
    return {"answer": best["text"]} if best else {}
