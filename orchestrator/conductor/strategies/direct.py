"""One expert answers: what all others are measured against."""

from __future__ import annotations

from orchestrator.conductor.flow import Flow
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State
from orchestrator.conductor.strategies.strategy import Strategy
from orchestrator.conductor.values import Ask


async def ask(state: State, run: Run) -> State:
    """Ask the expert the router picks, and the next where it fails."""
    del state
    for place, (expert, _) in enumerate(run.experts.ranked(run.task), 1):
        step = await run.ask(
            Ask(
                f"direct.{place}",
                "expert",
                run.task.messages,
                "Answer",
                expert=expert,
                parameters=dict(run.task.parameters),
            )
        )
        if step.status == "ok" and step.output.strip():
            return {"answer": step.output}
    return {}


def flow() -> Flow:
    """Return the graph."""
    return Flow().step("ask", ask)


DIRECT = Strategy("direct", "The expert the router picks answers.", flow)
