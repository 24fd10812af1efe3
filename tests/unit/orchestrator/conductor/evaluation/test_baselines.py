"""The strategies others are measured against, branch by branch."""

from __future__ import annotations

from orchestrator.conductor.engine import execute
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.strategies.self_consistency import commonest, self_consistency
from tests.unit.orchestrator.conductor.conftest import MakeRun, expert

TASK = "How many primes are there below 20?"
THREE = ["FINAL ANSWER: 7", "**FINAL ANSWER:** 8", "I see. FINAL ANSWER: 8."]


async def test_thinking_is_asked_for(make_run: MakeRun) -> None:
    run = make_run(TASK, expert("model", "fixed:Well. FINAL ANSWER: 8"))
    outcome = await execute("cot", run)
    assert outcome.text == "Well. FINAL ANSWER: 8"
    assert (outcome.calls, outcome.steps[0].title) == (1, "Think step by step")


async def test_the_next_expert_thinks_where_one_fails(make_run: MakeRun) -> None:
    down = expert("down", "fail:503", tags=["math"], active_parameters=70)
    run = make_run(TASK, down, expert("up", "fixed:FINAL ANSWER: 8"))
    outcome = await execute("cot", run)
    assert outcome.text == "FINAL ANSWER: 8"
    assert {step.expert: step.status for step in outcome.steps} == {"down": "failed", "up": "ok"}


async def test_a_program_is_run_and_shown(make_run: MakeRun) -> None:
    turns = [
        "<python>\nprint(sum(all(n % d for d in range(2, n)) for n in range(2, 20)))\n</python>",
        "It printed 8. <answer>8</answer>",
    ]
    outcome = await execute("cot+python", make_run(TASK, expert("model", {"turns": turns})))
    assert outcome.text == "8"
    assert [step.output for step in outcome.steps if step.kind == "python"] == ["8"]
    assert outcome.calls == 2


async def test_an_answer_beside_a_program_waits_for_it(make_run: MakeRun) -> None:
    turns = ["<answer>7</answer>\n<python>\nprint(4 + 4)\n</python>", "<answer>8</answer>"]
    outcome = await execute("cot+python", make_run(TASK, expert("model", {"turns": turns})))
    assert outcome.text == "8"


async def test_whoever_forgets_the_form_is_reminded(make_run: MakeRun) -> None:
    turns = ["Let me think.", "<answer>8</answer>"]
    outcome = await execute("cot+python", make_run(TASK, expert("model", {"turns": turns})))
    assert (outcome.text, outcome.calls) == ("8", 2)


async def test_whoever_never_answers_is_asked_for_a_last_word(make_run: MakeRun) -> None:
    outcome = await execute("cot+python", make_run(TASK, expert("model", "fixed:Hm.")))
    assert outcome.text == "Hm."
    assert outcome.stopped == "the limit of 6 rounds is reached"
    assert outcome.calls == 7


async def test_a_model_that_fails_does_not_end_the_run(make_run: MakeRun) -> None:
    run = make_run(TASK, expert("model", "flaky:1:503|fixed:8"))
    outcome = await execute("cot+python", run)
    assert outcome.text == "8"
    assert "model failed" in (outcome.stopped or "")


async def test_the_commonest_answer_wins(make_run: MakeRun) -> None:
    script = {"text": "FINAL ANSWER: 8", "error_rate": 0.4, "wrong": ["FINAL ANSWER: 7", "no"]}
    outcome = await execute(self_consistency(9), make_run(TASK, expert("model", script)))
    samples = [step for step in outcome.steps if step.kind == "expert"]
    said = {step.output for step in samples}
    assert outcome.text == "FINAL ANSWER: 8"
    assert len(samples) == outcome.calls == 9, "samples are not one and the same question"
    assert len(said) > 1
    vote = next(step for step in outcome.steps if step.kind == "vote")
    assert vote.output == outcome.text
    assert all(f"{step.key}: " in vote.input for step in samples)


async def test_fewer_samples_vote_where_a_limit_is_reached(make_run: MakeRun) -> None:
    run = make_run(TASK, expert("model", "fixed:FINAL ANSWER: 8"), limits=Limits(calls=4))
    outcome = await execute(self_consistency(9), run)
    assert outcome.text == "FINAL ANSWER: 8"
    assert outcome.calls == 3, "one call is kept for the last word"
    assert "4 expert calls" in (outcome.stopped or "")


async def test_samples_of_the_next_expert_where_one_fails(make_run: MakeRun) -> None:
    down = expert("down", "fail:503", tags=["math"], active_parameters=70)
    run = make_run(TASK, down, expert("up", "fixed:FINAL ANSWER: 8"))
    outcome = await execute("self-consistency", run)
    assert outcome.text == "FINAL ANSWER: 8"
    assert {step.expert for step in outcome.steps if step.status == "ok"} == {"up", ""}


def test_ways_to_write_an_answer_are_one_answer() -> None:
    assert commonest(THREE) == 1
    assert commonest(["a", "b"]) == 0, "of equals the first"
