"""Graders over a real sandbox, and the tasks of a published set where they are there."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from experts.providers.interpreter import Interpreter, Limits
from orchestrator.conductor.code import Sandbox
from orchestrator.conductor.evaluation.graders import Grading
from orchestrator.conductor.evaluation.graders.puzzle import MEGABYTES, SECONDS
from orchestrator.conductor.evaluation.tasks import GradedTask, read_tasks

NAME = "conductor_tasks.jsonl.gz"


@pytest.fixture(scope="session")
async def grading() -> AsyncIterator[Grading]:
    interpreter = Interpreter(Limits(seconds=SECONDS, memory_bytes=MEGABYTES * 2**20), workers=2)
    yield Grading(Sandbox(interpreter))
    await interpreter.aclose()


@pytest.fixture(scope="session")
def published() -> list[GradedTask]:
    shared = Path(__file__).parents[5].parent / "shared" / "data"
    path = Path(os.environ.get("COE_TEST_DATA", shared)) / NAME
    if not path.is_file():
        pytest.skip(f"{NAME} is not there: set COE_TEST_DATA to the folder that holds it")
    return read_tasks(path)


def task(prompt: str, target: str = "", category: str = "any", **fields: object) -> GradedTask:
    grader = str(fields.pop("grader", ""))
    return GradedTask("t1", category, prompt, target, grader, fields)
