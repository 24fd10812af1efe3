"""One expert thinks aloud before it answers: "Chain-of-Thought Prompting" (arXiv 2201.11903)."""

from __future__ import annotations

from orchestrator.conductor.flow import Flow
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State
from orchestrator.conductor.strategies.strategy import Strategy
from orchestrator.conductor.values import Ask, Message

THINK = """\
Think step by step before you answer. End with one line and nothing after it:
FINAL ANSWER: the answer, exactly as the task asks for it
"""


async def think(state: State, run: Run) -> State:
    """Ask the expert the router picks to think first, and the next where it fails."""
    del state
    system: Message = {"role": "system", "content": THINK}
    for place, (expert, _) in enumerate(run.experts.ranked(run.task), 1):
        step = await run.ask(
            Ask(
                key=f"cot.{place}",
                kind="expert",
                title="Think step by step",
                messages=(system, *run.task.messages),
                expert=expert,
                parameters=dict(run.task.parameters),
            )
        )
        if step.status == "ok" and step.output.strip():
            return {"answer": step.output}
    return {}


def flow() -> Flow:
    """Return the graph."""
    return Flow().step("think", think)


COT = Strategy("cot", "One expert thinks step by step and answers.", flow)
