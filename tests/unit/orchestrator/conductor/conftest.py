"""Runs over scripted experts: the real catalogue values, router and caller, nobody on the network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from experts.calling.call import CallRules, ExpertCaller
from experts.calling.registry import ProviderRegistry
from experts.catalogue.expert import Expert
from experts.providers.interpreter import Interpreter
from orchestrator.catalogue.service import Catalogue, candidate_of
from orchestrator.conductor.code import Sandbox
from orchestrator.conductor.experts import CatalogueExperts
from orchestrator.conductor.run import Run
from orchestrator.conductor.values import Task
from orchestrator.routers.service import ActiveRouter
from router import Router, starter_router


@pytest.fixture(scope="session")
def starter() -> Router:
    return starter_router()


@pytest.fixture(scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    interpreter = Interpreter(workers=2)
    yield Sandbox(interpreter)
    await interpreter.aclose()


def expert(name: str, script: Any, **fields: Any) -> Expert:
    entry = {"id": name, "provider": "scripted", "parameters": {"script": script}, **fields}
    return Expert.model_validate(entry)


MakeRun = Callable[..., Run]


@pytest.fixture
async def make_run(starter: Router, sandbox: Sandbox) -> AsyncIterator[MakeRun]:
    """Make a run of a task over scripted experts, given by name; fields of :class:`Run` go on."""
    callers = []

    def make(task: str, *experts: Expert, **fields: Any) -> Run:
        # A run is shown every failure: here nothing is asked again without its knowledge.
        caller = ExpertCaller(ProviderRegistry(), lambda _: "", rules=CallRules(retries=0))
        callers.append(caller)
        catalogue = Catalogue(
            revision=0,
            experts={each.id: each for each in experts},
            versions={each.id: 1 for each in experts},
            candidates=tuple(candidate_of(each) for each in experts),
        )
        everyone = CatalogueExperts(catalogue, ActiveRouter(starter), caller, "run_test")
        message = {"role": "user", "content": task}
        return Run(
            Task((message,), task, policy="quality"),
            experts=everyone,
            interpreter=sandbox,
            **fields,
        )

    yield make
    for caller in callers:
        await caller.aclose()
