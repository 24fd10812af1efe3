"""Meta-prompting over scripted experts, branch by branch: the outcome and the steps."""

from __future__ import annotations

import json

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


async def test_a_wrong_answer_goes_back_and_comes_right(make_run: MakeRun) -> None:
    run = make_run(
        TASK,
        lead("<answer>20 * 19</answer>", "<answer>17 * 23</answer>"),
        expert(
            "checker",
            {
                "replies": {"Answer:\n20 * 19": "It is 380 < 391. VERDICT: WRONG"},
                "text": "VERDICT: CORRECT",
            },
        ),
    )
    outcome = await execute("conductor", run)
    assert outcome.text == "17 * 23"
    assert outcome.verified is True
    assert [step.key for step in outcome.steps] == ["conduct.1", "check.1", "conduct.2", "check.2"]
    assert "380 < 391" in outcome.steps[2].input


async def test_after_two_objections_the_answer_stands_as_doubted(make_run: MakeRun) -> None:
    run = make_run(TASK, lead("<answer>No.</answer>"), expert("checker", "fixed:VERDICT: WRONG"))
    outcome = await execute("conductor", run)
    assert outcome.text == "No."
    assert outcome.verified is False
    assert len([step for step in outcome.steps if step.kind == "verify"]) == 3


async def test_a_check_without_verdict_or_that_fails_lets_the_answer_stand(
    make_run: MakeRun,
) -> None:
    for script in ("fixed:Hm.", "fail:500"):
        run = make_run(TASK, lead("<answer>17 * 23</answer>"), expert("checker", script))
        outcome = await execute("conductor", run)
        assert outcome.text == "17 * 23"
        assert outcome.verified is None


async def test_malformed_calls_are_told_and_mended(make_run: MakeRun) -> None:
    run = make_run(
        TASK,
        lead('<call expert="A"></call>', "I wonder.", "<answer>17 * 23</answer>"),
        CHECKER,
    )
    outcome = await execute("conductor", run)
    assert outcome.text == "17 * 23"
    inputs = [step.input for step in outcome.steps if step.kind == "plan"]
    assert "a <call> is empty" in inputs[1]
    assert "neither a call nor a final answer" in inputs[2]


async def test_fences_and_odd_names_reach_the_expert_whole(make_run: MakeRun) -> None:
    code = "```cpp\n// </call>\nint main() {}\n```"
    run = make_run(
        TASK,
        lead(f'<call expert="C++ expert">Review:\n{code}</call>', "<answer>fine</answer>"),
        expert(
            "checker", {"replies": {"Review": "Good.", "Check": "VERDICT: CORRECT"}, "text": "?"}
        ),
    )
    outcome = await execute("conductor", run)
    call = next(step for step in outcome.steps if step.kind == "expert")
    assert call.title == "C++ expert"
    assert call.input == f"Review:\n{code}"


async def test_an_answer_beside_a_call_is_provisional(make_run: MakeRun) -> None:
    run = make_run(
        TASK,
        lead(
            '<call expert="checker">Is it 391?</call><answer>390</answer>',
            "<answer>391</answer>",
        ),
        expert("checker", {"replies": {"Is it": "Yes.", "Check": "VERDICT: CORRECT"}}),
    )
    outcome = await execute("conductor", run)
    assert outcome.text == "391"
    assert "provisional" in next(s.input for s in outcome.steps if s.key == "conduct.2")


async def test_a_provisional_answer_is_what_is_left_when_all_else_fails(make_run: MakeRun) -> None:
    call = '<call expert="checker">Once more.</call>'
    run = make_run(
        TASK,
        lead(f"{call}<answer>391</answer>", call),
        expert("checker", "fixed:Hm."),
        limits=Limits(rounds=5),
    )
    outcome = await execute("conductor", run)
    assert outcome.text == "391"
    assert outcome.stopped == "it went round in circles"


async def test_the_same_call_is_paid_for_once(make_run: MakeRun) -> None:
    call = '<call expert="checker">What is 17 * 23?</call>'
    run = make_run(
        TASK,
        lead(call, call, "<answer>391</answer>"),
        expert("checker", {"replies": {"What is": "391", "Check": "VERDICT: CORRECT"}}),
    )
    outcome = await execute("conductor", run)
    assert outcome.text == "391"
    first, second = (s for s in outcome.steps if s.kind == "expert")
    assert (second.reused_from, second.output) == (first.key, first.output)
    assert second.usd == 0.0
    assert outcome.calls == 5
    assert "asked exactly this before" in next(
        s.input for s in outcome.steps if s.key == "conduct.3"
    )


async def test_going_round_in_circles_is_ended(make_run: MakeRun) -> None:
    run = make_run(TASK, lead("<python>print(391)</python>"), CHECKER)
    outcome = await execute("conductor", run)
    assert outcome.stopped == "it went round in circles"
    assert outcome.text
    assert len([s for s in outcome.steps if s.kind == "plan"]) == 3


async def test_silence_is_ended_too(make_run: MakeRun) -> None:
    run = make_run(TASK, lead("Let me think."), CHECKER, limits=Limits(rounds=4))
    outcome = await execute("conductor", run)
    assert outcome.text == "Let me think."
    assert outcome.stopped == "the limit of 4 rounds is reached"


async def test_a_failing_expert_does_not_take_the_others_with_it(make_run: MakeRun) -> None:
    run = make_run(
        TASK,
        lead(
            '<call expert="broken">One.</call><call expert="checker">Two.</call>'
            "<python>1 / 0</python>",
            "<answer>391</answer>",
        ),
        expert("broken", "fail:500"),
        expert("checker", {"replies": {"Two": "II", "Check": "VERDICT: CORRECT"}}),
    )
    outcome = await execute("conductor", run)
    assert outcome.text == "391"
    told = next(s.input for s in outcome.steps if s.key == "conduct.2")
    assert "broken:\n[failed:" in told
    assert "checker:\nII" in told
    assert "ZeroDivisionError" in told


async def test_a_conductor_that_fails_leaves_the_task_to_another(make_run: MakeRun) -> None:
    run = make_run(TASK, lead(), expert("other", "fixed:391"))
    run.experts.catalogue.experts["lead"].parameters["script"] = "fail:500"
    outcome = await execute("conductor", run)
    assert outcome.text == "391"
    assert outcome.stopped is not None
    assert "the conductor failed" in outcome.stopped


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(rounds=2), "2 rounds"),
        (Limits(calls=4), "4 expert calls"),
        (Limits(tokens=2500), "2500 tokens"),
        (Limits(usd=0.01), "0.01 US dollars"),
    ],
)
async def test_each_limit_forces_an_answer_and_is_kept(
    make_run: MakeRun, limits: Limits, said: str
) -> None:
    endless = [f'<call expert="helper">Try {n}.</call>' for n in range(50)]
    run = make_run(TASK, lead(*endless), expert("helper", "fixed:no idea"), limits=limits)
    outcome = await execute("conductor", run)
    assert outcome.text.strip()
    assert outcome.stopped is not None
    assert said in outcome.stopped
    assert outcome.calls <= limits.calls
    assert outcome.tokens <= limits.tokens
    assert outcome.usd <= limits.usd


async def test_time_is_a_limit_too(make_run: MakeRun) -> None:
    slow = expert("helper", "delay:0.2|fixed:no idea")
    endless = [f'<call expert="helper">Try {n}.</call>' for n in range(50)]
    run = make_run(TASK, lead(*endless), slow, limits=Limits(seconds=0.5))
    outcome = await execute("conductor", run)
    assert outcome.text.strip()
    assert outcome.stopped == "the limit of 0.5 seconds is reached"
    assert outcome.seconds < 3.0


async def test_tools_where_the_conductor_has_them(make_run: MakeRun) -> None:
    script = {
        "tool_calls": [
            {"name": "run_python", "arguments": json.dumps({"code": "print(17 * 23)"})},
            {"name": "ask_expert", "arguments": "{broken"},
        ],
        "text": "<answer>17 * 23</answer>",
    }
    conductor = expert("lead", script, capabilities=["tools", "streaming"], **LEAD)
    run = make_run(TASK, conductor, CHECKER)
    outcome = await execute("conductor", run)
    assert outcome.text == "17 * 23"
    assert [s.output for s in outcome.steps if s.kind == "python"] == ["391"]
