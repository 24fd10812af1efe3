"""How much care a task gets, and what comes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.catalogue.expert import Expert
from orchestrator.conductor.engine import execute
from orchestrator.conductor.gate import History, care_for
from orchestrator.conductor.values import Task

from .conftest import MakeRun, expert

TASK = "What is the sum of the first ten primes?"
CARE = ["answer", "check", "conduct"]


def task(uncertainty: float) -> Task:
    return Task(({"role": "user", "content": TASK},), TASK, uncertainty=uncertainty)


@pytest.mark.parametrize(
    ("uncertainty", "history", "care"),
    [
        (0.1, History(), "answer"),
        (0.9, History(), "check"),
        (0.1, History(100, 30), "check"),
        (0.1, History(100, 80), "conduct"),
        (0.1, History(2, 2), "check"),
        (0.1, History(1000, 20), "answer"),
    ],
)
def test_care(uncertainty: float, history: History, care: str) -> None:
    assert care_for(task(uncertainty), history) == care


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 500), st.integers(0, 500))
def test_more_doubt_never_means_less_care(
    less: float, more: float, checked: int, refused: int
) -> None:
    less, more = sorted((less, more))
    refused = min(refused, checked)
    history = History(checked, refused)
    calm, worried = care_for(task(less), history), care_for(task(more), history)
    assert CARE.index(calm) <= CARE.index(worried)
    worse = care_for(task(less), History(checked + 1, refused + 1))
    assert CARE.index(calm) <= CARE.index(worse)


def team(*, check: str) -> tuple[Expert, Expert]:
    big = {"tags": ["math"], "active_parameters": 70.0}
    lead = expert("lead", {"turns": ["128", "<answer>129</answer>"]}, **big)
    return lead, expert("other", {"replies": {"Answer:\n128": check}, "text": "VERDICT: CORRECT"})


@pytest.mark.parametrize(
    ("uncertainty", "history", "check", "answer", "keys"),
    [
        (0.0, History(), "", "128", ["gate", "direct.1"]),
        (0.9, History(), "VERDICT: CORRECT", "128", ["gate", "direct.1", "check_draft.1"]),
        (
            0.9,
            History(),
            "VERDICT: WRONG",
            "129",
            ["gate", "direct.1", "check_draft.1", "conduct.1", "check.1"],
        ),
    ],
)
async def test_auto(
    make_run: MakeRun,
    uncertainty: float,
    history: History,
    check: str,
    answer: str,
    keys: list[str],
) -> None:
    run = make_run(TASK, *team(check=check), history=history)
    run.task = replace(run.task, uncertainty=uncertainty)
    outcome = await execute("auto", run)
    assert outcome.text == answer
    assert [step.key for step in outcome.steps] == keys


async def test_auto_conducts_at_once_where_direct_answers_do_not_stand(make_run: MakeRun) -> None:
    run = make_run(TASK, *team(check=""), history=History(100, 90))
    outcome = await execute("auto", run)
    assert [step.key for step in outcome.steps][:2] == ["gate", "conduct.1"]
    assert outcome.text
