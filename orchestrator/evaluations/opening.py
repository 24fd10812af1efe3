"""What an evaluation needs to ask and grade from here: a caller and a sandbox."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from experts.calling.call import ExpertCaller
from experts.calling.registry import ProviderRegistry
from experts.catalogue.expert import SecretRef
from experts.providers.interpreter import Interpreter, Limits
from orchestrator.conductor.code import Sandbox
from orchestrator.conductor.evaluation.graders import Grading
from orchestrator.conductor.evaluation.graders.puzzle import MEGABYTES, SECONDS

_WORKERS = 2


@asynccontextmanager
async def open_caller() -> AsyncIterator[ExpertCaller]:
    """Open what calls experts, with keys from environment variables, and close it."""
    caller = ExpertCaller(ProviderRegistry(), _secret)
    try:
        yield caller
    finally:
        await caller.aclose()


@asynccontextmanager
async def open_grading() -> AsyncIterator[Grading]:
    """Open what grades, with a sandbox of its own, and close it."""
    limits = Limits(seconds=SECONDS, memory_bytes=MEGABYTES * 1024 * 1024)
    interpreter = Interpreter(limits, workers=_WORKERS)
    try:
        yield Grading(Sandbox(interpreter))
    finally:
        await interpreter.aclose()


def _secret(reference: SecretRef) -> str:
    """Return a key from the environment; a stored one is the service's alone."""
    return os.environ.get(reference.env, "") if reference.env else ""
