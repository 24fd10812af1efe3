"""Guide, correct, decompose over scripted experts: each branch by its outcome and its steps."""

from __future__ import annotations

from typing import Any

import pytest

from experts.catalogue.expert import Expert
from orchestrator.conductor.engine import execute
from orchestrator.conductor.nodes.conclude import NothingAnswered
from orchestrator.conductor.nodes.correct import wrong_step
from orchestrator.conductor.nodes.decompose import MAX_PARTS, questions_in
from orchestrator.conductor.nodes.verify import read_verdict
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.conductor.values import Outcome

from .conftest import MakeRun, expert

TASK = "How many eggs are in three boxes of twelve, if four of them are broken and thrown away?"


def cheap(script: Any) -> Expert:
    return expert("cheap", script, active_parameters=1.0, price={"input": 0.01, "output": 0.01})


def strong(script: Any, name: str = "strong") -> Expert:
    price = {"input": 20.0, "output": 20.0}
    return expert(name, script, tags=["math"], active_parameters=400.0, price=price)


def steps(outcome: Outcome) -> list[tuple[str, str]]:
    return [(step.key, step.expert) for step in outcome.steps]


async def test_guide_lets_the_cheap_one_do_it(make_run: MakeRun) -> None:
    run = make_run(
        TASK,
        cheap({"replies": {"Follow this guidance": "It is 32."}, "text": "?"}),
        strong({"replies": {"Say how": "Multiply, subtract.", "Check": "VERDICT: CORRECT"}}),
    )
    outcome = await execute("guide", run)
    assert outcome.text == "It is 32."
    assert outcome.verified is True
    assert steps(outcome) == [("guide", "strong"), ("follow", "cheap"), ("check_draft.1", "strong")]
    assert "Multiply, subtract." in outcome.steps[1].input


async def test_guide_takes_over_what_a_check_refuses(make_run: MakeRun) -> None:
    strong_says = {"Say how": "Multiply.", "Check": "36 - 4 is 32. VERDICT: WRONG"}
    run = make_run(
        TASK,
        cheap({"replies": {"Follow": "It is 36."}}),
        strong({"replies": strong_says, "text": "It is 32."}),
    )
    outcome = await execute("guide", run)
    assert outcome.text == "It is 32."
    assert [key for key, _ in steps(outcome)] == ["guide", "follow", "check_draft.1", "take_over"]


async def test_guide_goes_on_without_a_guide(make_run: MakeRun) -> None:
    run = make_run(TASK, cheap("fixed:It is 32."), strong("fail:503"))
    outcome = await execute("guide", run)
    assert outcome.text == "It is 32."
    assert outcome.verified is None
    assert outcome.steps[0].status == "failed"


async def test_correct_redoes_from_the_first_wrong_step(make_run: MakeRun) -> None:
    run = make_run(
        TASK,
        cheap({"replies": {"earlier solution": "36, less 4: 32."}, "text": "It is 36."}),
        strong(
            {
                "replies": {
                    "36, less 4": "FIRST WRONG STEP: NONE",
                    "It is 36.": "Four are broken.\nFIRST WRONG STEP: 2",
                }
            }
        ),
    )
    outcome = await execute("correct", run)
    assert outcome.text == "36, less 4: 32."
    assert outcome.verified is True
    assert [key for key, _ in steps(outcome)] == [
        "attempt",
        "find_error.1",
        "redo.1",
        "find_error.2",
    ]
    assert "Four are broken." in outcome.steps[2].input


async def test_correct_gives_up_in_the_end(make_run: MakeRun) -> None:
    run = make_run(TASK, cheap("fixed:It is 36."), strong("fixed:FIRST WRONG STEP: 1"))
    outcome = await execute("correct", run)
    assert outcome.text == "It is 36."
    assert outcome.verified is False
    assert outcome.calls <= 6


async def test_correct_without_anybody_cheap(make_run: MakeRun) -> None:
    run = make_run(TASK, cheap("fail:500"), strong("fixed:It is 32."))
    outcome = await execute("correct", run)
    assert outcome.text == "It is 32."
    assert steps(outcome) == [("attempt", "cheap"), ("take_over", "strong")]


async def test_decompose_is_content_with_what_stands(make_run: MakeRun) -> None:
    run = make_run(TASK, cheap("fixed:It is 32."), strong("fixed:VERDICT: CORRECT"))
    outcome = await execute("decompose", run)
    assert outcome.text == "It is 32."
    assert steps(outcome) == [("attempt", "cheap"), ("check_draft.1", "strong")]


async def test_decompose_splits_what_failed(make_run: MakeRun) -> None:
    run = make_run(
        TASK,
        cheap({"replies": {"Write down": "- How many in all?\n- How many go?"}, "text": "36"}),
        strong(
            {
                "replies": {
                    "Check": "VERDICT: WRONG",
                    "have been answered": "It is 32.",
                    "How many in all?": "Thirty-six.",
                    "How many go?": "Four.",
                }
            }
        ),
    )
    outcome = await execute("decompose", run)
    assert outcome.text == "It is 32."
    keys = [key for key, _ in steps(outcome)]
    assert keys[:3] == ["attempt", "check_draft.1", "split"]
    assert set(keys[3:5]) == {"part.1", "part.2"}
    assert keys[5] == "combine"
    assert "How many go?" in outcome.steps[-1].input


async def test_a_part_that_fails_is_left_out(make_run: MakeRun) -> None:
    parts = "- How many eggs are 3 * 12?\n- Write a Python function that counts eggs in a list."
    coder = expert("coder", "fail:503", tags=["coding"], active_parameters=500.0)
    run = make_run(
        TASK,
        cheap({"replies": {"Write down": parts}, "text": "36"}),
        strong({"replies": {"Check": "VERDICT: WRONG", "3 * 12": "36"}, "text": "It is 32."}),
        coder,
    )
    outcome = await execute("decompose", run)
    assert {s.expert: s.status for s in outcome.steps if s.key.startswith("part.")} == {
        "strong": "ok",
        "coder": "failed",
    }
    assert outcome.text


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
async def test_when_all_fail_it_says_who_and_why(make_run: MakeRun, strategy: str) -> None:
    run = make_run(TASK, cheap("fail:503"), strong("fail:500"))
    with pytest.raises(NothingAnswered, match=r"strong|cheap"):
        await execute(strategy, run)


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
async def test_one_expert_is_enough(make_run: MakeRun, strategy: str) -> None:
    outcome = await execute(strategy, make_run(TASK, cheap("fixed:It is 32.")))
    assert "32" in outcome.text
    assert outcome.calls <= 20


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
@pytest.mark.parametrize(
    "script", ["malformed", "empty", "fixed: ", "break_off", "usage:wrong|echo"]
)
async def test_messy_experts_break_nothing(make_run: MakeRun, strategy: str, script: str) -> None:
    run = make_run(TASK, cheap(script), strong("fixed:It is 32."))
    outcome = await execute(strategy, run)
    assert outcome.text.strip()


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("VERDICT: CORRECT", True),
        ("**Verdict:** wrong, since", False),
        ("VERDICT: WRONG\n... no, VERDICT: CORRECT", True),
        ("it looks fine", None),
        ("", None),
    ],
)
def test_verdicts(text: str, verdict: bool | None) -> None:
    assert read_verdict(text) is verdict


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("FIRST WRONG STEP: 2", "2"),
        ("FIRST WRONG STEP: NONE.", None),
        ("**First wrong step:** adding four", "adding four"),
        ("FIRST WRONG STEP: 1\nOn reflection:\nFIRST WRONG STEP: none", None),
        ("all is well", None),
    ],
)
def test_wrong_steps(text: str, step: str | None) -> None:
    assert wrong_step(text) == step


def test_questions_are_taken_from_lines_of_their_own() -> None:
    text = "Let me see.\n- One?\n* Two?\n3. Three?\n- One?\nand - not this\n" + "- x\n- y\n- z\n"
    found = questions_in(text)
    assert found[:3] == ["One?", "Two?", "Three?"]
    assert len(found) == MAX_PARTS


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_each_has_a_picture(strategy: str) -> None:
    picture = STRATEGIES[strategy].flow().compile().get_graph().draw_mermaid()
    assert "conclude" in picture
    assert STRATEGIES[strategy].description.endswith(".")
