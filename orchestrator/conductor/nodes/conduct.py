"""The conductor's turn, and carrying out what it wants: "Meta-Prompting" (arXiv 2401.12954)."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from orchestrator.conductor import prompts
from orchestrator.conductor.limits import LimitReached
from orchestrator.conductor.nesting import strategy_in, work_below
from orchestrator.conductor.nodes.history import folded
from orchestrator.conductor.nodes.lessons import with_lessons
from orchestrator.conductor.nodes.verify import verified
from orchestrator.conductor.protocol import Call, Move, read_move
from orchestrator.conductor.protocol.tools import TOOLS
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State, with_draft
from orchestrator.conductor.values import Ask, Message, Step

_MAX_REPEATS = 2
_MAX_OBJECTIONS = 2
_PROVISIONAL, _REFUSED = 0.5, 0.3


async def open_score(state: State, run: Run) -> State:
    """Put the best expert for the task in charge."""
    del state
    charge = run.experts.ranked(run.task, policy="quality")[0][0]
    form = prompts.BY_TOOLS if run.experts.can(charge, "tools") else prompts.BY_TAGS
    deeper = prompts.DEEPER * (run.depth < run.limits.depth)
    system: Message = {"role": "system", "content": f"{prompts.CONDUCT}{deeper}\n{form}"}
    return {
        "charge": charge,
        "transcript": [system, *await with_lessons(run)],
        "round": 0,
        "repeats": 0,
    }


async def conduct(state: State, run: Run) -> State:
    """Let the conductor take its turn.

    Raises:
        LimitReached: If it has had all its turns, or no call is left.
    """
    number = state["round"] + 1
    if number > run.limits.rounds:
        raise LimitReached("rounds", run.limits.rounds)
    step = await run.ask(_turn(state, run, number))
    if step.status == "failed":
        return {"round": number, "stopped": f"the conductor failed: {step.output}"}
    move = read_move(step.output, step.tool_calls)
    transcript = [*state["transcript"], _spoken(step)]
    changed: State = {"round": number, "calls": [asdict(call) for call in move.calls]}
    if move.answer and not move.calls:
        return {**changed, "transcript": transcript, "answer": move.answer}
    if move.answer:
        changed["drafts"] = with_draft(state, move.answer, step.expert, _PROVISIONAL)
    if not move.calls:
        told = "\n".join(_told(move)) or prompts.NEITHER
        transcript.append({"role": "user", "content": told})
    elif move.faults or move.answer:
        changed["plan"] = "\n".join((*_told(move), *(prompts.PROVISIONAL,) * bool(move.answer)))
    return {**changed, "transcript": transcript}


async def act(state: State, run: Run) -> State:
    """Do at once all that the conductor wants done, and tell it what came of it."""
    calls = [Call(**call) for call in state["calls"]]
    number = state["round"]
    steps = await asyncio.gather(
        *(_carry_out(run, call, f"act.{number}.{index}") for index, call in enumerate(calls, 1)),
        return_exceptions=True,
    )
    told: list[Step | LimitReached] = []
    for step in steps:
        if isinstance(step, BaseException) and not isinstance(step, LimitReached):
            raise step
        told.append(step)
    done = [step for step in told if isinstance(step, Step)]
    news = any(not step.reused_from for step in done)
    repeats = 0 if news else state.get("repeats", 0) + 1
    changed: State = {
        "transcript": [*state["transcript"], *_results(state, calls, told, repeats=repeats)],
        "calls": [],
        "repeats": repeats,
        "plan": "",
    }
    reached = next((step for step in told if isinstance(step, LimitReached)), None)
    if reached is not None:
        changed["stopped"] = str(reached)
    elif repeats >= _MAX_REPEATS:
        changed["stopped"] = "it went round in circles"
    return changed


async def check(state: State, run: Run) -> State:
    """Have the conductor's answer checked by somebody else; what is refused goes back to it."""
    answer = state["answer"]
    objections = state.get("objections", 0)
    key = f"check.{state['round']}"
    right, said = await verified(run, answer, key=key, not_by=frozenset({state["charge"]}))
    if right is not False:
        return {"verified": True} if right else {}
    if objections >= _MAX_OBJECTIONS:
        return {"verified": False}
    objection: Message = {"role": "user", "content": prompts.OBJECTION.format(reason=said)}
    return {
        "answer": "",
        "drafts": with_draft(state, answer, state["charge"], _REFUSED),
        "objections": objections + 1,
        "transcript": [*state["transcript"], objection],
    }


def after_turn(state: State) -> str:
    """Return what follows the conductor's turn."""
    if state.get("answer"):
        return "check"
    return "act" if state.get("calls") else "conduct"


def after_check(state: State) -> str:
    """Return what follows a check."""
    return "conclude" if state.get("answer") else "conduct"


def _turn(state: State, run: Run, number: int) -> Ask:
    charge = state["charge"]
    parameters = dict(run.task.parameters)
    if run.experts.can(charge, "tools"):
        parameters["tools"] = list(TOOLS)
    return Ask(
        key=f"conduct.{number}",
        kind="plan",
        title=f"Round {number}",
        messages=tuple(folded(state["transcript"], run.experts.window(charge))),
        expert=charge,
        parameters=parameters,
    )


async def _carry_out(run: Run, call: Call, key: str) -> Step:
    if call.python:
        return await run.python(key, call.content)
    strategy = strategy_in(call.name)
    if strategy is not None:
        return await work_below(run, key, strategy, call.content)
    system: Message = {"role": "system", "content": prompts.EXPERT.format(role=call.name)}
    return await run.ask(
        Ask(
            key=key,
            kind="expert",
            title=call.name,
            expert=call.name if run.experts.known(call.name) else None,
            messages=(system, {"role": "user", "content": call.content}),
            skill=f"{call.name}: {call.content}",
        )
    )


def _spoken(step: Step) -> Message:
    message: Message = {"role": "assistant", "content": step.output}
    if step.tool_calls:
        message["tool_calls"] = list(step.tool_calls)
    return message


def _results(
    state: State, calls: list[Call], steps: list[Step | LimitReached], *, repeats: int
) -> list[Message]:
    """Tell the conductor what its calls came to, each as it was made."""
    messages: list[Message] = []
    written: list[str] = []
    for call, step in zip(calls, steps, strict=True):
        told = _outcome(step)
        if call.id:
            messages.append({"role": "tool", "tool_call_id": call.id, "content": told})
        else:
            written.append(f"{call.name}:\n{told}")
    written += [part for part in (state.get("plan", ""), prompts.REPEATED * bool(repeats)) if part]
    messages.append({"role": "user", "content": "\n\n".join((*written, prompts.REMIND))})
    return messages


def _outcome(step: Step | LimitReached) -> str:
    if isinstance(step, LimitReached):
        return f"[not done: {step}]"
    return f"[failed: {step.output}]" if step.status == "failed" else step.output


def _told(move: Move) -> list[str]:
    return [prompts.FAULTS, *(f"- {fault}" for fault in move.faults)] if move.faults else []
