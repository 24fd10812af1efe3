"""Puts nodes together to a LangGraph graph that always comes to a conclusion.

A node is an async function of the state and the run that returns what changes. When it meets a
limit, or says that it is ``stopped``, the conclusion follows, whatever edge it has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from orchestrator.conductor.limits import LimitReached
from orchestrator.conductor.nodes.conclude import conclude
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.runtime import Runtime

CONCLUDE = "conclude"

Node = Callable[[State, Run], Awaitable[State]]
Choose = Callable[[State], str]


class Flow:
    """A graph in the making; the first step that is added is the first to be taken."""

    def __init__(self) -> None:
        self._steps: dict[str, tuple[Node, tuple[str, ...], Choose | None]] = {}

    def step(self, name: str, node: Node, *then: str, choose: Choose | None = None) -> Flow:
        """Add a step.

        Args:
            name: Of the step.
            node: What it does.
            then: Names of the steps that may follow; ``conclude`` always may.
            choose: Picks one of them; without it the first follows, or the conclusion.
        """
        self._steps[name] = node, then or (CONCLUDE,), choose
        return self

    def compile(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """Return the graph, ready to be run."""
        from langgraph.graph import END, START, StateGraph

        graph = StateGraph(State, context_schema=Run)
        for name, (node, then, choose) in self._steps.items():
            graph.add_node(name, _bounded(node))
            graph.add_conditional_edges(
                name, _chooser(then[0], choose), list(dict.fromkeys((*then, CONCLUDE)))
            )
        graph.add_edge(START, next(iter(self._steps)))
        graph.add_node(CONCLUDE, _with_run(conclude))
        graph.add_edge(CONCLUDE, END)
        return graph.compile(checkpointer=False)


def _chooser(first: str, choose: Choose | None) -> Choose:
    def following(state: State) -> str:
        if state.get("stopped"):
            return CONCLUDE
        return choose(state) if choose else first

    return following


def _bounded(node: Node) -> Any:
    async def bounded(state: State, runtime: Runtime[Run]) -> State:
        try:
            return await node(state, runtime.context)
        except LimitReached as reached:
            return {"stopped": str(reached)}

    return bounded


def _with_run(node: Node) -> Any:
    async def with_run(state: State, runtime: Runtime[Run]) -> State:
        return await node(state, runtime.context)

    return with_run
