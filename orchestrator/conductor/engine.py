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


async def execute(strategy: str | Strategy, run: Run) -> Outcome:
    """Run a strategy to its end.

    A run that is resumed passes the same nodes again, and what its ledger holds is not done again.

    Args:
        strategy: Its name, or one that has none among :data:`STRATEGIES`.
        run: The run.

    Raises:
        NothingAnswered: If every expert failed.
        KeyError: If there is no such strategy.
    """
    plan = STRATEGIES[strategy] if isinstance(strategy, str) else strategy
    run.strategies = _Below()
    with _untraced():
        state = await _ended(plan, run)
    outcome = _outcome(plan.name, run, state)
    run.ended(outcome)
    run.emit(RunFinished(outcome))
    return outcome


class _Below:
    """Strategies at work on parts of a task."""

    names = tuple(STRATEGIES)

    async def work(self, name: str, run: Run) -> Outcome:
        """Have one do the task of a run that is a level below another."""
        return _outcome(name, run, await _ended(STRATEGIES[name], run))


async def _ended(strategy: Strategy, run: Run) -> dict[str, Any]:
    """Return the state at the end of the graph."""
    graph = await _graph(strategy)
    config = {"recursion_limit": _MAX_NODES}
    state: dict[str, Any] = await graph.ainvoke({}, context=run, config=config)
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


_graphs: dict[Strategy, Any] = {}


async def _graph(strategy: Strategy) -> Any:
    """Return a strategy's graph. The first one imports LangGraph: seconds, and not in the loop."""
    if strategy not in _graphs:
        _graphs[strategy] = await asyncio.to_thread(strategy.flow().compile)
    return _graphs[strategy]
