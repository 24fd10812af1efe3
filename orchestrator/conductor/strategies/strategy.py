"""What a strategy is: a name, what it is good for, and a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.conductor.flow import Flow


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to answer a task.

    Args:
        name: What requests ask for: ``model: "coe-<name>"``.
        description: One sentence for a person.
        flow: Makes its graph.
    """

    name: str
    description: str
    flow: Callable[[], Flow]
