"""A draft by a cheap expert, its first wrong step found by a stronger one, redone from there."""

from __future__ import annotations

from orchestrator.conductor.flow import CONCLUDE, Flow
from orchestrator.conductor.nodes.attempt import attempt, settled
from orchestrator.conductor.nodes.correct import find_error, redo
from orchestrator.conductor.nodes.guide import take_over
from orchestrator.conductor.state import State
from orchestrator.conductor.strategies.strategy import Strategy


def flow() -> Flow:
    """Return the graph."""
    return (
        Flow()
        .step("attempt", attempt, "find_error", "take_over", choose=_after_attempt)
        .step("find_error", find_error, "redo", choose=_after_search)
        .step("redo", redo, "find_error", choose=_after_redo)
        .step("take_over", take_over)
    )


def _after_attempt(state: State) -> str:
    return "find_error" if state.get("drafts") else "take_over"


def _after_search(state: State) -> str:
    return CONCLUDE if settled(state) else "redo"


def _after_redo(state: State) -> str:
    return CONCLUDE if settled(state) else "find_error"


CORRECT = Strategy(
    "correct",
    "A cheap expert drafts, a stronger one finds the first wrong step, it is redone.",
    flow,
)
