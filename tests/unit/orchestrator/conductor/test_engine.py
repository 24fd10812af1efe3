"""Running a strategy."""

from __future__ import annotations

import pytest

from orchestrator.conductor.engine import execute
from orchestrator.conductor.flow import Flow
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State
from orchestrator.conductor.strategies.strategy import Strategy

from .conftest import MakeRun, expert


async def test_nothing_is_traced_whatever_the_environment_says(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from langsmith import utils

    for name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2"):
        monkeypatch.setenv(name, "true")
    utils.get_env_var.cache_clear()
    traced: list[object] = []

    async def look(state: State, run: Run) -> State:
        traced.append(utils.tracing_is_enabled())
        return {"answer": "seen"}

    assert utils.tracing_is_enabled()
    try:
        strategy = Strategy("looking", "Looks.", lambda: Flow().step("look", look))
        outcome = await execute(strategy, make_run("Hi", expert("echo", "echo")))
    finally:
        monkeypatch.undo()
        utils.get_env_var.cache_clear()
    assert outcome.text == "seen"
    assert traced == [False]


async def test_an_unknown_strategy(make_run: MakeRun) -> None:
    with pytest.raises(KeyError):
        await execute("telepathy", make_run("Hi", expert("echo", "echo")))
