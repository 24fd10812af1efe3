"""One answer made of several: "Mixture-of-Agents" (arXiv 2406.04692), with one layer."""

from __future__ import annotations

from orchestrator.conductor import prompts
from orchestrator.conductor.nodes.judge import chair, listed, spoken
from orchestrator.conductor.nodes.team import told
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State, with_draft

_HEARD = 0.4


async def aggregate(state: State, run: Run) -> State:
    """Have the best expert make one answer of all; where it fails, the best answer is taken."""
    answers = spoken(state)
    if len(answers) < 2:
        return {"answer": answers[0]["text"]} if answers else {}
    changed: State = {"drafts": list(state.get("drafts", []))}
    for each in reversed(answers):
        changed["drafts"] = with_draft(changed, each["text"], each["expert"], _HEARD)
    content = prompts.AGGREGATE.format(task=run.task.text, answers=listed(answers))
    step = await told(run, "aggregate", "aggregate", "One answer", content, chair(run, answers))
    said = step.output.strip() if step.status == "ok" else ""
    return {**changed, "answer": said or answers[0]["text"]}
