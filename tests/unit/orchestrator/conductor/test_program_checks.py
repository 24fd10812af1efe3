"""A program's check comes before any expert is paid, and what it refuses is told exactly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experts.catalogue.expert import Expert
from orchestrator.conductor.checks import Checks
from orchestrator.conductor.engine import execute
from orchestrator.conductor.gate import History, care_for
from orchestrator.conductor.nodes.verify import read_verdict
from orchestrator.conductor.values import Task

from .conftest import MakeRun, expert

TASK = "What is 17 * 23?"
LEAD = {"tags": ["math"], "price": {"input": 10.0, "output": 10.0}, "active_parameters": 70.0}
SCHEMA = {"type": "object", "required": ["value"]}


def lead(*answers: str) -> Expert:
    turns = [f"<answer>{answer}</answer>" for answer in answers]
    return expert("lead", {"turns": turns}, **LEAD)


@pytest.mark.parametrize(
    ("checks", "wrong", "right", "said"),
    [
        (Checks(equations=True), "17 * 23 = 392", "17 * 23 = 391", "17 * 23 is 391"),
        (Checks(units=True), "1 km = 100 m", "1 km = 1000 m", "1 km is 1000 m"),
        (Checks(patterns=(r"^\d+$",)), "It is 391.", "391", r"regular expression ^\d+$"),
        (Checks(schemas=(SCHEMA,)), "{}", '{"value": 391}', "'value' is a required property"),
    ],
)
async def test_what_a_program_refuses_is_mended(
    make_run: MakeRun, checks: Checks, wrong: str, right: str, said: str
) -> None:
    run = make_run(TASK, lead(wrong, right), expert("checker", "fixed:VERDICT: CORRECT"))
    run.task = replace(run.task, checks=checks)
    outcome = await execute("conductor", run)
    assert outcome.text == right
    assert outcome.verified is True
    keys = [step.key for step in outcome.steps]
    assert keys == ["conduct.1", "check.1.program", "conduct.2", "check.2.program", "check.2"]
    assert said in outcome.steps[1].output
    assert read_verdict(outcome.steps[1].output) is False
    assert read_verdict(outcome.steps[3].output) is None
    assert said in outcome.steps[2].input
    assert outcome.calls == 3


async def test_a_passed_check_does_not_replace_the_expert(make_run: MakeRun) -> None:
    run = make_run(TASK, lead("391"), expert("checker", "fixed:VERDICT: WRONG"))
    run.task = replace(run.task, checks=Checks(patterns=("391",)))
    outcome = await execute("conductor", run)
    assert outcome.verified is False


@pytest.mark.parametrize("strategy", ["cascade", "correct", "decompose", "guide", "auto"])
async def test_strategies_that_check_check_by_program(make_run: MakeRun, strategy: str) -> None:
    run = make_run(TASK, expert("one", "fixed:392"), expert("two", "fixed:VERDICT: CORRECT"))
    run.task = replace(run.task, checks=Checks(patterns=("^391$",)))
    outcome = await execute(strategy, run)
    assert outcome.verified is not True
    assert any(step.key.endswith(".program") for step in outcome.steps)


def test_a_task_with_checks_is_checked() -> None:
    task = Task((), "x")
    assert care_for(task, History()) == "answer"
    assert care_for(replace(task, checks=Checks(units=True)), History()) == "check"
