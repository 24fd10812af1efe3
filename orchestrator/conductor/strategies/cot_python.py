"""One expert thinks aloud and runs programs in the sandbox: "PAL" (arXiv 2211.10435)."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from orchestrator.conductor.flow import CONCLUDE, Flow
from orchestrator.conductor.limits import LimitReached
from orchestrator.conductor.nodes.history import folded
from orchestrator.conductor.protocol import read_move
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State
from orchestrator.conductor.strategies.strategy import Strategy
from orchestrator.conductor.values import Ask, Message

TURNS = 6
THINK = """\
Think step by step. Whatever can be computed, counted, sorted, searched or tried out, leave to a
Python program, and check your result with one. Write a program in this form; you are shown what it
prints:

<python>
print("a program")
</python>

When you are sure, write the answer in this form, and nothing else in it:

<answer>
the answer, exactly as the task asks for it
</answer>
"""
NEITHER = "That was neither a program nor an answer in the form asked for. Go on."


async def open_talk(state: State, run: Run) -> State:
    """Begin with the expert the router picks."""
    del state
    system: Message = {"role": "system", "content": THINK}
    charge = run.experts.ranked(run.task)[0][0]
    return {"charge": charge, "transcript": [system, *run.task.messages], "round": 0}


async def think(state: State, run: Run) -> State:
    """Let the expert go on.

    Raises:
        LimitReached: If it has had all its turns, or no call is left.
    """
    number = state["round"] + 1
    most = min(TURNS, run.limits.rounds)
    if number > most:
        raise LimitReached("rounds", most)
    charge = state["charge"]
    step = await run.ask(
        Ask(
            key=f"cot_python.{number}",
            kind="expert",
            title=f"Think, turn {number}",
            messages=tuple(folded(state["transcript"], run.experts.window(charge))),
            expert=charge,
            parameters=dict(run.task.parameters),
        )
    )
    if step.status == "failed":
        return {"round": number, "stopped": f"{charge} failed: {step.output}"}
    move = read_move(step.output)
    programs = [asdict(call) for call in move.calls if call.python]
    said: list[Message] = [{"role": "assistant", "content": step.output}]
    if move.answer and not programs:
        return {"round": number, "answer": move.answer}
    if not programs:
        said.append({"role": "user", "content": NEITHER})
    return {"round": number, "calls": programs, "transcript": [*state["transcript"], *said]}


async def compute(state: State, run: Run) -> State:
    """Run the expert's programs and show it what they print."""
    number = state["round"]
    steps = await asyncio.gather(
        *(
            run.python(f"cot_python.{number}.{place}", call["content"])
            for place, call in enumerate(state["calls"], 1)
        )
    )
    told = "\n\n".join(f"It printed:\n{step.output}" for step in steps)
    shown: Message = {"role": "user", "content": told}
    return {"calls": [], "transcript": [*state["transcript"], shown]}


def after_turn(state: State) -> str:
    """Return what follows a turn."""
    if state.get("answer"):
        return CONCLUDE
    return "compute" if state.get("calls") else "think"


def flow() -> Flow:
    """Return the graph."""
    return (
        Flow()
        .step("open", open_talk, "think")
        .step("think", think, "compute", "think", choose=after_turn)
        .step("compute", compute, "think")
    )


COT_PYTHON = Strategy("cot+python", "One expert thinks step by step and runs programs.", flow)
