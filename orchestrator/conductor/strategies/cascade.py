"""The cheap expert first; dearer ones only where its answer is not good enough."""

from __future__ import annotations

from orchestrator.conductor.flow import CONCLUDE, Flow
from orchestrator.conductor.nodes.aggregate import aggregate
from orchestrator.conductor.nodes.escalate import CLIMB, WEIGH, begin, climb, weigh
from orchestrator.conductor.nodes.vote import vote
from orchestrator.conductor.state import State
from orchestrator.conductor.strategies.strategy import Strategy

_RUNGS = 2


def flow() -> Flow:
    """Return the graph."""
    return (
        Flow()
        .step("begin", begin, WEIGH, CLIMB, choose=lambda state: state["plan"])
        .step(WEIGH, weigh, WEIGH, "vote", choose=_after_weighing)
        .step("vote", vote, "aggregate", choose=_after_vote)
        .step("aggregate", aggregate)
        .step(CLIMB, climb, CLIMB, choose=_after_climb)
    )


def _after_weighing(state: State) -> str:
    return "vote" if state.get("agreed") else WEIGH


def _after_vote(state: State) -> str:
    return CONCLUDE if state.get("answer") else "aggregate"


def _after_climb(state: State) -> str:
    return CONCLUDE if state.get("answer") or state["round"] >= _RUNGS else CLIMB


CASCADE = Strategy(
    "cascade", "A cheap expert answers; others are asked while its answer is in doubt.", flow
)
