"""A direct attempt; only what it failed at is split, and the parts are answered by who is good at them."""

from __future__ import annotations

from orchestrator.conductor.flow import CONCLUDE, Flow
from orchestrator.conductor.nodes.attempt import attempt, check_draft, settled
from orchestrator.conductor.nodes.decompose import NAME, combine, solve_parts, split
from orchestrator.conductor.state import State
from orchestrator.conductor.strategies.strategy import Strategy


def flow() -> Flow:
    """Return the graph."""
    return (
        Flow()
        .step("attempt", attempt, "check", "combine", choose=_after_attempt)
        .step("check", check_draft, "split", choose=_after_check)
        .step("split", split, "solve", "combine", choose=_after_split)
        .step("solve", solve_parts, "combine")
        .step("combine", combine)
    )


def _after_attempt(state: State) -> str:
    return "check" if state.get("drafts") else "combine"


def _after_check(state: State) -> str:
    return CONCLUDE if settled(state) else "split"


def _after_split(state: State) -> str:
    return "solve" if state.get("plan") else "combine"


DECOMPOSE = Strategy(
    NAME, "A cheap attempt; what fails a check is split over experts and put together.", flow
)
