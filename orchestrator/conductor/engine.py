"""Runs a strategy."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import Any

from orchestrator.conductor.events import RunFinished
from orchestrator.conductor.run import Run
from orchestrator.conductor.strategies import STRATEGIES, Strategy
from orchestrator.conductor.values import Outcome

_MAX_NODES = 1000
"""LangGraph's own limit; a run's limits stop it long before."""


async def execute(
    strategy: str | Strategy, run: Run, *, checkpointer: Any = None, thread: str | None = None
) -> Outcome:
    """Run a strategy to its end, or on to it from the last checkpoint.

    Args:
        strategy: Its name, or one that has none among :data:`STRATEGIES`.
        run: The run.
        checkpointer: LangGraph's, for a run that outlives the process.
        thread: The run's id there.

    Raises:
        NothingAnswered: If every expert failed.
        KeyError: If there is no such strategy.
    """
    plan = STRATEGIES[strategy] if isinstance(strategy, str) else strategy
    graph = await _graph(plan)
    if checkpointer is not None:
        graph = graph.copy({"checkpointer": checkpointer})
    run.strategies = _Below()
    with _untraced():
        state = await _ended(graph, run, thread)
    outcome = _outcome(plan.name, run, state)
    run.ended(outcome)
    run.emit(RunFinished(outcome))
    return outcome


class _Below:
    """Strategies at work on parts of a task: what they have done is in the run's ledger alone."""

    names = tuple(STRATEGIES)

    async def work(self, name: str, run: Run) -> Outcome:
        """Have one do the task of a run that is a level below another."""
        state = await _ended(await _graph(STRATEGIES[name]), run, None)
        return _outcome(name, run, state)


async def _ended(graph: Any, run: Run, thread: str | None) -> dict[str, Any]:
    """Return the state at the end of the graph."""
    config: dict[str, Any] = {"recursion_limit": _MAX_NODES}
    given: dict[str, Any] | None = {}
    if thread is not None:
        config["configurable"] = {"thread_id": thread}
        saved = await graph.aget_state(config)
        if not saved.next and saved.values.get("answer"):
            values: dict[str, Any] = saved.values
            return values
        given = None if saved.next else {}
    state: dict[str, Any] = await graph.ainvoke(given, context=run, config=config)
    return state


def _untraced() -> AbstractContextManager[None]:
    """Keep LangChain's tracing off: a variable in the environment must not send prompts away."""
    from langsmith import tracing_context

    return tracing_context(enabled=False)


def _outcome(strategy: str, run: Run, state: dict[str, Any]) -> Outcome:
    return Outcome(
        text=state["answer"],
        strategy=strategy,
        stopped=state.get("stopped") or None,
        verified=state.get("verified"),
        steps=tuple(sorted(run.steps.values(), key=lambda step: step.number)),
        usd=run.spent.usd,
        tokens=run.spent.tokens,
        calls=run.spent.calls,
        seconds=run.seconds,
    )


def _built(strategy: Strategy) -> Any:
    """Return a strategy's graph; it takes no checkpointer over from a graph around it."""
    return strategy.flow().compile(False)


_graphs: dict[Strategy, Any] = {}


async def _graph(strategy: Strategy) -> Any:
    """Return a strategy's graph. The first one imports LangGraph: seconds, and not in the loop."""
    if strategy not in _graphs:
        _graphs[strategy] = await asyncio.to_thread(_built, strategy)
    return _graphs[strategy]
