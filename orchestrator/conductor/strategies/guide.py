"""A strong expert says how, a cheap one does it; where that fails a check, the strong one does it."""

from __future__ import annotations

from orchestrator.conductor.flow import CONCLUDE, Flow
from orchestrator.conductor.nodes.attempt import check_draft, settled, take_best
from orchestrator.conductor.nodes.guide import follow, guide, take_over
from orchestrator.conductor.state import State
from orchestrator.conductor.strategies.strategy import Strategy


def flow() -> Flow:
    """Return the graph."""
    return (
        Flow()
        .step("guide", guide, "follow")
        .step("follow", follow, "check")
        .step("check", check_draft, "take_over", choose=_after_check)
        .step("take_over", take_over, "best")
        .step("best", take_best)
    )


def _after_check(state: State) -> str:
    return CONCLUDE if settled(state) else "take_over"


GUIDE = Strategy("guide", "A strong expert says how it is done, a cheap one does it.", flow)
