"""Experts without a service: a catalogue from a file, the starter router, a caller and a sandbox."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from experts.calling.call import ExpertCaller
from experts.calling.registry import ProviderRegistry
from experts.catalogue.expert import Expert, SecretRef
from experts.providers.interpreter import Interpreter, Limits
from orchestrator.catalogue.service import Catalogue, candidate_of
from orchestrator.conductor.code import Sandbox
from orchestrator.conductor.evaluation.graders import Grading
from orchestrator.conductor.evaluation.graders.puzzle import MEGABYTES, SECONDS
from orchestrator.conductor.experts import CatalogueExperts
from orchestrator.routers.service import ActiveRouter
from router import Router, starter_router

_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Local:
    """What an evaluation needs, without a service.

    Args:
        catalogue: The experts.
        router: Chooses between them.
        caller: Calls them.
        sandbox: For what experts write.
        grading: With a sandbox of its own, which gives puzzles more time.
    """

    catalogue: Catalogue
    router: ActiveRouter
    caller: ExpertCaller
    sandbox: Sandbox
    grading: Grading

    def experts_for(self, run_id: str) -> CatalogueExperts:
        """Return everyone, as a run sees them."""
        return CatalogueExperts(self.catalogue, self.router, self.caller, run_id)

    @property
    def active_parameters(self) -> dict[str, float | None]:
        """Billions by expert."""
        return {name: each.active_parameters for name, each in self.catalogue.experts.items()}


@asynccontextmanager
async def open_local(
    experts: Sequence[Expert], router: Router | None = None
) -> AsyncIterator[Local]:
    """Open what an evaluation needs, and close it.

    Args:
        experts: Entries of a catalogue. Secrets are read from environment variables.
        router: In place of the starter router.
    """
    running = Interpreter(workers=_WORKERS)
    grading = Interpreter(
        Limits(seconds=SECONDS, memory_bytes=MEGABYTES * 1024 * 1024), workers=_WORKERS
    )
    caller = ExpertCaller(ProviderRegistry(), _secret)
    catalogue = Catalogue(
        revision=0,
        experts={each.id: each for each in experts},
        versions={each.id: 1 for each in experts},
        candidates=tuple(candidate_of(each) for each in experts),
    )
    active = ActiveRouter(router or starter_router())
    active.prepare(catalogue)
    try:
        yield Local(catalogue, active, caller, Sandbox(running), Grading(Sandbox(grading)))
    finally:
        await caller.aclose()
        await running.aclose()
        await grading.aclose()


def _secret(reference: SecretRef) -> str:
    """Return a key from the environment; a stored one is the service's alone."""
    return os.environ.get(reference.env, "") if reference.env else ""
