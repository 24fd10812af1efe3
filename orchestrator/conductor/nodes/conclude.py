"""The last node of every strategy: the answer, or the best there is when a limit was reached."""

from __future__ import annotations

from orchestrator.conductor import prompts
from orchestrator.conductor.events import AnswerDelta
from orchestrator.conductor.limits import LimitReached
from orchestrator.conductor.nodes.history import folded
from orchestrator.conductor.nodes.lessons import keep_lesson
from orchestrator.conductor.protocol import read_move
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State, best_draft
from orchestrator.conductor.values import Ask, Message

_TRIES = 3


class NothingAnswered(Exception):
    """Nobody said anything that could be an answer; says who failed and why."""


async def conclude(state: State, run: Run) -> State:
    """Give the answer; where there is none yet, ask for a last word, or take the best draft.

    Raises:
        NothingAnswered: If every expert failed.
    """
    text = state.get("answer", "").strip() or await _last_word(state, run)
    await keep_lesson(state, run, text)
    run.emit(AnswerDelta(text))
    return {"answer": text}


async def _last_word(state: State, run: Run) -> str:
    reason = state.get("stopped", "")
    draft = best_draft(state)
    if state.get("transcript"):
        ending: Message = {"role": "user", "content": prompts.CONCLUDE.format(reason=reason)}
        messages = [*state["transcript"], ending]
        said = await _asked(run, state["charge"], messages, "conclude")
        if said:
            return said
    if draft is not None:
        return draft["text"].strip()
    said = await _anybody(run) or _anything(run)
    if said:
        return said
    failures = [s for s in run.own_steps if s.status == "failed"]
    told = "; ".join(f"{s.expert or s.kind}: {s.output}" for s in failures[-3:])
    raise NothingAnswered(told or reason or "no expert said anything")


async def _anybody(run: Run) -> str:
    """Ask those who have not failed yet, the best first, for the answer itself."""
    failed = {step.expert for step in run.own_steps if step.status == "failed"}
    others = [expert for expert, _ in run.experts.ranked(run.task) if expert not in failed]
    for expert in others[:_TRIES]:
        said = await _asked(run, expert, list(run.task.messages), f"conclude.{expert}")
        if said:
            return said
    return ""


def _anything(run: Run) -> str:
    """Return the last thing that was said by anybody; partial as it is, it is not nothing."""
    said = [
        step
        for step in run.own_steps
        if step.status == "ok" and step.output.strip() and (step.expert or step.kind == "python")
    ]
    said.sort(key=lambda step: (step.kind not in {"plan", "verify"}, step.number))
    return said[-1].output.strip() if said else ""


async def _asked(run: Run, expert: str, messages: list[Message], key: str) -> str:
    """Return what an expert says last, with the answer taken out of its form; empty if it fails."""
    window = run.experts.window(expert)
    ask = Ask(
        key=key,
        kind="answer",
        title="Last word",
        messages=tuple(folded(messages, min(window, run.tokens_left))),
        expert=expert,
        concluding=True,
    )
    try:
        step = await run.ask(ask)
    except LimitReached:
        return ""
    if step.status == "failed":
        return ""
    move = read_move(step.output, step.tool_calls)
    return (move.answer or ("" if move.calls else step.output)).strip()
