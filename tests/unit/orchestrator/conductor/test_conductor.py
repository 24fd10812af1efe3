"""Meta-prompting over scripted experts, branch by branch: the outcome and the steps."""

from __future__ import annotations

import pytest

from experts.catalogue.expert import Expert
from orchestrator.conductor.engine import execute
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.values import Outcome

from .conftest import MakeRun, expert

TASK = "Which number is larger, 17 * 23 or 20 * 19?"
LEAD = {"tags": ["math"], "price": {"input": 10.0, "output": 10.0}, "active_parameters": 70.0}
CHECKER = expert("checker", {"text": "I solved it again. VERDICT: CORRECT"})


def lead(*turns: str, name: str = "lead") -> Expert:
    return expert(name, {"turns": list(turns)}, **LEAD)


def steps(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(step.kind, step.expert, step.status) for step in outcome.steps]


async def test_it_asks_runs_code_has_it_checked_and_answers(make_run: MakeRun) -> None:
    run = make_run(
        TASK,
        lead(
            '<call expert="checker">\nWhat is 20 * 19?\n</call>\n'
            "<python>\nprint(17 * 23)\n</python>",
            "<answer>17 * 23</answer>",
        ),
        expert("checker", {"replies": {"What is 20": "380", "Check": "VERDICT: CORRECT"}}),
    )
    outcome = await execute("conductor", run)
    assert outcome.text == "17 * 23"
    assert outcome.verified is True
    assert outcome.stopped is None
    assert sorted(steps(outcome)[1:3]) == [("expert", "checker", "ok"), ("python", "", "ok")]
    assert [step.output for step in outcome.steps if step.kind == "python"] == ["391"]
    assert steps(outcome)[0] == ("plan", "lead", "ok")
    assert [kind for kind, *_ in steps(outcome)[3:]] == ["plan", "verify"]


@pytest.mark.parametrize("limit", ["rounds", "calls", "tokens"])
async def test_a_limit_forces_the_last_word(make_run: MakeRun, limit: str) -> None:
    endless = [f'<call expert="Helper">\nTry number {n}.\n</call>' for n in range(40)]
    run = make_run(
        TASK,
        lead(*endless),
        expert("helper", "fixed:no idea"),
        limits=Limits(**{limit: {"rounds": 3, "calls": 5, "tokens": 3000}[limit]}),
    )
    outcome = await execute("conductor", run)
    assert outcome.text
    assert outcome.stopped is not None
    assert limit.rstrip("s") in outcome.stopped
    assert outcome.calls <= run.limits.calls
    assert outcome.tokens <= run.limits.tokens
