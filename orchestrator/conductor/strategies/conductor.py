"""Meta-prompting (arXiv 2401.12954): one expert leads, others work with fresh eyes, all is checked."""

from __future__ import annotations

from orchestrator.conductor.flow import Flow
from orchestrator.conductor.nodes.conduct import (
    act,
    after_check,
    after_turn,
    check,
    conduct,
    open_score,
)
from orchestrator.conductor.strategies.strategy import Strategy


def flow() -> Flow:
    """Return the graph."""
    return (
        Flow()
        .step("open", open_score, "conduct")
        .step("conduct", conduct, "act", "check", "conduct", choose=after_turn)
        .step("act", act, "conduct")
        .step("check", check, "conduct", choose=after_check)
    )


CONDUCTOR = Strategy(
    "conductor",
    "One expert plans and asks others and a Python sandbox, and has its answer checked.",
    flow,
)
