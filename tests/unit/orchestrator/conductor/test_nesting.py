"""Work within work: strategies on parts of a task, in one ledger, within the same limits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from experts.catalogue.expert import Expert
from orchestrator.conductor.engine import execute
from orchestrator.conductor.events import AnswerDelta, Event, StepStarted
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.nesting import strategy_in
from orchestrator.conductor.ports import MemoryLedger
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.conductor.values import Amendment, Outcome, Step

from .conftest import MakeRun, expert

TASK = "How many eggs are in three boxes of twelve, if four of them are broken and thrown away?"
PART = "How many eggs are in the boxes?"
CHECKER = expert("checker", {"text": "VERDICT: CORRECT"})


def cheap(script: Any) -> Expert:
    return expert("cheap", script, active_parameters=1.0, price={"input": 0.01, "output": 0.01})


def strong(script: Any) -> Expert:
    price = {"input": 20.0, "output": 20.0}
    return expert("strong", script, tags=["math"], active_parameters=400.0, price=price)


def lead(*turns: str) -> Expert:
    return strong({"replies": {"VERDICT": "VERDICT: CORRECT"}, "turns": list(turns)})


def by_key(outcome: Outcome) -> dict[str, Step]:
    return {step.key: step for step in outcome.steps}


SPLITS = {
    f"Task:\n{TASK}": f"- {PART}\n- How many go?",
    f"Task:\n{PART}": "- What is 3 * 12?",
}
REFUSES = {
    "have been answered": "It is 32.",
    "Check": "VERDICT: WRONG",
    "What is 3 * 12?": "36",
    "How many go?": "Four.",
}


async def test_a_part_that_fails_is_split_again(make_run: MakeRun) -> None:
    script = {"replies": {"How many go?": "4", **SPLITS}, "text": "thirty?"}
    run = make_run(TASK, cheap(script), strong({"replies": REFUSES}), limits=Limits(depth=3))
    outcome = await execute("decompose", run)
    steps = by_key(outcome)
    assert steps["part.1"].kind == "strategy"
    assert steps["part.1"].output == "It is 32."
    nested = [key for key in steps if key.startswith("part.1/")]
    assert nested == [f"part.1/{key}" for key in ("attempt", "check_draft.1", "split", "part.1",
                                                  "combine")]  # fmt: skip
    assert steps["part.1/part.1"].kind == "expert"
    assert steps["part.1/part.1"].input == "What is 3 * 12?"
    assert outcome.stopped is None
    assert sorted(step.number for step in outcome.steps) == list(range(1, len(steps) + 1))
    assert outcome.calls == sum(bool(s.expert) and not s.reused_from for s in outcome.steps)


async def test_on_the_last_level_parts_are_asked_as_they_are(make_run: MakeRun) -> None:
    script = {"replies": SPLITS, "text": "thirty?"}
    run = make_run(TASK, cheap(script), strong({"replies": REFUSES}), limits=Limits(depth=2))
    outcome = await execute("decompose", run)
    assert {s.kind for s in outcome.steps if s.key.startswith("part.")} == {"expert"}


async def test_without_a_second_level_nothing_is_split(make_run: MakeRun) -> None:
    script = {"replies": SPLITS, "text": "thirty?"}
    run = make_run(TASK, cheap(script), strong({"replies": REFUSES}), limits=Limits(depth=1))
    outcome = await execute("decompose", run)
    assert outcome.text == "thirty?"
    assert outcome.stopped == "the limit of 1 levels of work is reached"
    assert list(by_key(outcome)) == ["attempt", "check_draft.1"]


def call(strategy: str, content: str = PART) -> str:
    return f'<call expert="strategy:{strategy}">\n{content}\n</call>'


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"conductor", "auto"}))
async def test_the_conductor_hands_a_part_to_any_strategy(make_run: MakeRun, name: str) -> None:
    told: list[Event] = []
    helper = cheap({"replies": {"Check": "VERDICT: CORRECT", "VERDICT": "VERDICT: CORRECT"},
                    "text": "<answer>36</answer>"})  # fmt: skip
    run = make_run(TASK, lead(call(name), "<answer>32</answer>"), helper, emit=told.append)
    outcome = await execute("conductor", run)
    steps = by_key(outcome)
    assert outcome.text == "32"
    assert (steps["act.1.1"].kind, steps["act.1.1"].status) == ("strategy", "ok")
    assert steps["act.1.1"].output
    assert any(key.startswith("act.1.1/") for key in steps)
    assert TASK not in " ".join(s.input for s in outcome.steps if s.key.startswith("act.1.1/"))
    assert [event.text for event in told if isinstance(event, AnswerDelta)] == ["32"]


async def test_the_same_part_is_done_once(make_run: MakeRun) -> None:
    turn = f"{call('direct')}\n{call('direct')}"
    run = make_run(TASK, lead(turn, "<answer>32</answer>"), cheap("fixed:36"))
    steps = by_key(await execute("conductor", run))
    assert steps["act.1.2"].reused_from == "act.1.1"
    assert not any(key.startswith("act.1.2/") for key in steps)


async def test_a_level_too_deep_is_refused_and_said(make_run: MakeRun) -> None:
    turns = (call("direct"), "<answer>32</answer>")
    run = make_run(TASK, lead(*turns), CHECKER, limits=Limits(depth=1))
    outcome = await execute("conductor", run)
    step = by_key(outcome)["act.1.1"]
    assert (step.status, step.output) == ("failed", "the limit of 1 levels of work is reached")
    assert outcome.text == "32"
    assert "strategy:" not in str(run.steps["conduct.1"].input)


async def test_what_is_stopped_below_says_so_above(make_run: MakeRun) -> None:
    helper = cheap({"replies": {"Check": "VERDICT: WRONG", "Write down": "- Why?"}, "text": "30"})
    run = make_run(TASK, lead(call("decompose"), "<answer>32</answer>"), helper)
    run.limits = Limits(depth=2)
    step = by_key(await execute("conductor", run))["act.1.1"]
    assert step.status == "ok"
    assert step.output.endswith("[the limit of 2 levels of work is reached]") or (
        "act.1.1/split" not in run.steps
    )


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("strategy:cot", "cot"),
        ("Strategy: CoT+Python ", "cot+python"),
        ("strategy:", None),
        ("Strategist", None),
        ("", None),
    ],
)
def test_the_name_of_a_strategy(name: str, strategy: str | None) -> None:
    assert strategy_in(name) == strategy


async def test_an_unknown_strategy_is_told(make_run: MakeRun) -> None:
    run = make_run(TASK, lead(call("prayer"), "<answer>32</answer>"), CHECKER)
    step = by_key(await execute("conductor", run))["act.1.1"]
    assert step.status == "failed"
    assert "cot+python" in step.output


async def test_one_in_which_all_fail_has_failed(make_run: MakeRun) -> None:
    script = {"turns": [call("direct", "FAIL"), "<answer>32</answer>"],
              "replies": {"VERDICT": "VERDICT: CORRECT"}}  # fmt: skip
    run = make_run(TASK, strong(script), limits=Limits(calls=2))
    outcome = await execute("conductor", run)
    step = by_key(outcome)["act.1.1"]
    assert step.status == "failed"
    assert "2 expert calls" in step.output
    assert outcome.text


async def test_a_strategy_that_calls_itself_with_the_same_ends(make_run: MakeRun) -> None:
    endless = [call("conductor", TASK)] * 30
    run = make_run(TASK, strong({"turns": endless}), limits=Limits(depth=4, rounds=3, calls=40))
    async with asyncio.timeout(20):
        outcome = await execute("conductor", run)
    assert outcome.text
    assert max(key.count("/") for key in run.steps) == 3


async def test_the_last_call_is_kept_for_the_run_itself(make_run: MakeRun) -> None:
    endless = [f"{call('self-consistency', f'Guess {n}.')}" for n in range(9)]
    run = make_run(TASK, strong({"turns": endless}), limits=Limits(calls=5))
    outcome = await execute("conductor", run)
    assert outcome.stopped == "the limit of 5 expert calls is reached"
    assert outcome.calls == 5
    assert outcome.steps[-1].key == "conclude"


async def test_what_is_amended_below_is_done_so(make_run: MakeRun) -> None:
    change = {
        "act.1.1": Amendment(instruction="How many dozens?"),
        "act.1.1/direct.1": Amendment(expert="cheap"),
    }
    run = make_run(TASK, lead(call("direct"), "<answer>32</answer>"), cheap("echo"), amended=change)
    steps = by_key(await execute("conductor", run))
    assert steps["act.1.1"].input == "How many dozens?"
    assert steps["act.1.1/direct.1"].expert == "cheap"


@pytest.mark.parametrize("killed_at", range(1, 9))
async def test_killed_at_any_step_nothing_finished_is_done_again(
    make_run: MakeRun, killed_at: int
) -> None:
    def fresh(**fields: Any) -> Any:
        script = {"replies": {"How many go?": "4", **SPLITS}, "text": "thirty?"}
        limits = Limits(depth=4)
        nested = {"replies": REFUSES, "turns": [call("decompose", TASK), "<answer>32</answer>"]}
        return make_run(TASK, cheap(script), strong(nested), limits=limits, **fields)

    whole = await execute("conductor", fresh())
    ledger = MemoryLedger()
    begun: list[str] = []

    def emit(event: Event) -> None:
        if isinstance(event, StepStarted):
            begun.append(event.step.key)
            if len(begun) == killed_at:
                raise Killed

    with pytest.raises(Killed):
        await execute("conductor", fresh(ledger=ledger, emit=emit))
    finished = {key for key in begun if await ledger.find(key)}
    again: list[str] = []
    resumed = fresh(
        ledger=ledger,
        emit=lambda e: again.append(e.step.key) if isinstance(e, StepStarted) else None,
    )
    resumed.recall([step for key in finished if (step := await ledger.find(key))])
    outcome = await execute("conductor", resumed)
    assert outcome.text == whole.text
    assert not finished & set(again)
    assert set(by_key(outcome)) == set(by_key(whole))
    assert outcome.calls == whole.calls


class Killed(Exception):
    """The process is gone."""
