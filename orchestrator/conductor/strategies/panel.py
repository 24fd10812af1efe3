"""Several experts at once: counted where answers can be counted, else judged or made into one."""

from __future__ import annotations

from orchestrator.conductor.flow import CONCLUDE, Flow
from orchestrator.conductor.nodes.aggregate import aggregate
from orchestrator.conductor.nodes.convene import convene
from orchestrator.conductor.nodes.judge import judge, spoken
from orchestrator.conductor.nodes.rank import rank, recall
from orchestrator.conductor.nodes.vote import vote
from orchestrator.conductor.state import State
from orchestrator.conductor.strategies.strategy import Strategy

_FENCE = "```"


def flow() -> Flow:
    """Return the graph."""
    return (
        Flow()
        .step("convene", convene, "vote")
        .step("vote", vote, "recall", choose=after_vote)
        .step("recall", recall, "rank", "judge", "aggregate", choose=after_recall)
        .step("rank", rank, "judge", "aggregate", choose=after_rank)
        .step("judge", judge)
        .step("aggregate", aggregate)
    )


def after_vote(state: State) -> str:
    """Return what follows a vote."""
    return CONCLUDE if state.get("answer") else "recall"


def after_recall(state: State) -> str:
    """Return what follows: students try the solutions where there are problems for them."""
    return "rank" if state.get("problems") else merge(state)


def after_rank(state: State) -> str:
    """Return what follows the students."""
    return CONCLUDE if state.get("answer") else merge(state)


def merge(state: State) -> str:
    """Return who makes one answer of several: texts are made into one, programs are not mixed."""
    return "judge" if any(_FENCE in each["text"] for each in spoken(state)) else "aggregate"


PANEL = Strategy(
    "panel", "Several experts answer; a vote, a judge or an editor makes one answer of it.", flow
)
