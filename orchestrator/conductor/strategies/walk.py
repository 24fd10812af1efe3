"""Answers a question from facts that come with it, hop by hop, and shows the path."""

from __future__ import annotations

from orchestrator.conductor.flow import Flow
from orchestrator.conductor.nodes.walk import after_step, arrive, enter, step_on
from orchestrator.conductor.strategies.strategy import Strategy


def flow() -> Flow:
    """Return the graph."""
    return (
        Flow()
        .step("enter", enter, "step")
        .step("step", step_on, "step", "arrive", choose=after_step)
        .step("arrive", arrive)
    )


WALK = Strategy("walk", "Walks over facts given as triples and answers with its path.", flow)
