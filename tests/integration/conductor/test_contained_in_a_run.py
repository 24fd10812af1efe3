"""The same programs, written by a conductor: it is told what came of each, and comes to its answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from experts.catalogue.expert import Expert
from experts.providers.interpreter import Interpreter, Limits
from orchestrator.conductor import limits
from orchestrator.conductor.code import Sandbox
from orchestrator.conductor.engine import execute
from orchestrator.conductor.evaluation.local import Local, open_local
from orchestrator.conductor.run import Run
from orchestrator.conductor.values import Task

from . import hostile

MARKER = "marker-9be2a4"
AT_ONCE = 30
TASK = "What is 6 * 7?"
PROGRAMS = [
    program
    for program in hostile.ALL
    if all(each.isprintable() or each == "\n" for each in program[0])
]


def turns(file: Path) -> list[str]:
    """Write all programs in a few turns, an honest one after each, and then answer."""
    codes = [
        code.replace("FILE", str(file)).replace("FOLDER", str(file.parent)) for code, _ in PROGRAMS
    ]
    spoken = []
    for start in range(0, len(codes), AT_ONCE):
        some = [*codes[start : start + AT_ONCE], f"print({start} + 6 * 7)"]
        spoken.append("\n\n".join(f"<python>\n{code}\n</python>" for code in some))
    return [*spoken, "<answer>42</answer>"]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    interpreter = Interpreter(Limits(seconds=0.3, memory_bytes=32 * 1024 * 1024, output_chars=2000))
    yield Sandbox(interpreter)
    await interpreter.aclose()


async def test_a_conductor_is_told_of_each_and_answers(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKER_OF_THE_TEST", MARKER)
    file = tmp_path / "marked"
    file.write_text(MARKER)
    lead = scripted("lead", {"turns": turns(file)}, tags=["math"], active_parameters=70.0)
    checker = scripted("checker", "fixed:VERDICT: CORRECT")
    async with open_local([lead, checker]) as local:
        outcome = await execute("conductor", run_of(local, sandbox))
    assert outcome.text == "42"
    assert outcome.verified is True
    assert outcome.stopped is None
    ran = [step for step in outcome.steps if step.kind == "python"]
    told = " ".join(step.input for step in outcome.steps if step.kind == "plan")
    honest = [
        step.output for step in ran if step.input.startswith("print(") and "6 * 7" in step.input
    ]
    assert honest == [str(start + 42) for start in range(0, len(PROGRAMS), AT_ONCE)]
    hostile_steps = [step for step in ran if "6 * 7" not in step.input]
    for (_, said), step in zip(PROGRAMS, hostile_steps, strict=True):
        assert step.status == "ok"
        assert step.output.strip()
        assert said in step.output
        assert step.output in told
        assert MARKER not in step.output
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert file.read_text() == MARKER


def run_of(local: Local, sandbox: Sandbox) -> Run:
    task = Task(({"role": "user", "content": TASK},), TASK, policy="quality")
    ample = limits.Limits(tokens=10**9, usd=1e6)
    return Run(task, local.experts_for("run_hostile"), sandbox, limits=ample)


def scripted(name: str, script: Any, **fields: Any) -> Expert:
    entry = {"id": name, "provider": "scripted", "parameters": {"script": script}, **fields}
    return Expert.model_validate({**entry, "context_window": 10**7})
