"""As much care as the task needs: a direct answer, a checked one, or the conductor."""

from __future__ import annotations

from orchestrator.conductor import prompts
from orchestrator.conductor.flow import CONCLUDE, Flow
from orchestrator.conductor.gate import care_for
from orchestrator.conductor.nodes.attempt import DRAFTED, check_draft, newest_draft, settled
from orchestrator.conductor.nodes.conduct import (
    act,
    after_check,
    after_turn,
    check,
    conduct,
    open_score,
)
from orchestrator.conductor.nodes.team import attempted
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State, with_draft
from orchestrator.conductor.strategies.strategy import Strategy
from orchestrator.conductor.values import Message


async def gate(state: State, run: Run) -> State:
    """Decide how much care the task gets."""
    del state
    care = care_for(run.task, run.history)
    step = await run.note("gate", "rank", "How much care it gets", found=care)
    return {"plan": step.output}  # resumed, it is what it was


async def answer(state: State, run: Run) -> State:
    """Let the expert that the router picks answer, or the next where it fails."""
    for place, (expert, _) in enumerate(run.experts.ranked(run.task)[:3], 1):
        step = await attempted(run, f"direct.{place}", expert)
        if step.status == "ok" and step.output.strip():
            drafts = with_draft(state, step.output, expert, DRAFTED)
            return {"drafts": drafts} if state["plan"] == "check" else {"answer": step.output}
    return {}


async def hand_over(state: State, run: Run) -> State:
    """Open the score, with what a check had against the direct answer."""
    changed = await open_score(state, run)
    draft, objection = newest_draft(state), state.get("objection")
    if draft and objection:
        told: Message = {"role": "user", "content": prompts.OBJECTION.format(reason=objection)}
        given: Message = {"role": "assistant", "content": draft}
        changed["transcript"] = [*changed["transcript"], given, told]
    return {**changed, "plan": ""}


def flow() -> Flow:
    """Return the graph."""
    return (
        Flow()
        .step("gate", gate, "answer", "open", choose=_after_gate)
        .step("answer", answer, "check_draft", "open", choose=_after_answer)
        .step("check_draft", check_draft, "open", choose=_after_draft)
        .step("open", hand_over, "conduct")
        .step("conduct", conduct, "act", "check", "conduct", choose=after_turn)
        .step("act", act, "conduct")
        .step("check", check, "conduct", choose=after_check)
    )


def _after_gate(state: State) -> str:
    return "open" if state["plan"] == "conduct" else "answer"


def _after_answer(state: State) -> str:
    if settled(state):
        return CONCLUDE
    return "check_draft" if state.get("drafts") else "open"


def _after_draft(state: State) -> str:
    return CONCLUDE if settled(state) else "open"


AUTO = Strategy(
    "auto", "Answers once where that is likely to do; has it checked, or conducts, where not.", flow
)
