"""Several experts at once: counted where answers can be counted, else judged or made into one."""

from __future__ import annotations

from orchestrator.conductor.flow import CONCLUDE, Flow
from orchestrator.conductor.nodes.aggregate import aggregate
from orchestrator.conductor.nodes.convene import convene
from orchestrator.conductor.nodes.judge import judge, spoken
from orchestrator.conductor.nodes.vote import vote
from orchestrator.conductor.state import State
from orchestrator.conductor.strategies.strategy import Strategy

_FENCE = "```"


def flow() -> Flow:
    """Return the graph."""
    return (
        Flow()
        .step("convene", convene, "vote")
        .step("vote", vote, "judge", "aggregate", choose=after_vote)
        .step("judge", judge)
        .step("aggregate", aggregate)
    )


def after_vote(state: State) -> str:
    """Return what follows: texts are made into one, but programs are not mixed."""
    if state.get("answer"):
        return CONCLUDE
    return "judge" if any(_FENCE in each["text"] for each in spoken(state)) else "aggregate"


PANEL = Strategy(
    "panel", "Several experts answer; a vote, a judge or an editor makes one answer of it.", flow
)
