"""What a usage record keeps of a strategy's steps."""

from __future__ import annotations

import asyncio
from typing import Any

from experts.counting.counter import counted
from orchestrator.conductor.charges import calls_of_steps
from orchestrator.conductor.engine import execute
from orchestrator.conductor.experts import CatalogueExperts
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.recorded import MOST_STEPS, recorded
from orchestrator.conductor.run import Run
from orchestrator.conductor.values import Ask, Step

from .conftest import MakeRun, expert

SECRET = "xyzzy"
TASK = f"Say {SECRET}."


def kept(run: Run, *, roles: bool = False) -> list[dict[str, Any]]:
    found = recorded(
        run.steps.values(), began=run.started_at, now=run.clock(), errors=run.errors, roles=roles
    )
    assert found["left_out"] == 0
    listed: list[dict[str, Any]] = found["listed"]
    return listed


async def test_a_run_is_kept_as_who_did_what_and_without_what_was_said(make_run: MakeRun) -> None:
    turns = [
        f'<call expert="{SECRET} scholar">\n{SECRET}\n</call>\n<call expert="helper">\n{SECRET}\n</call>',
        f"<answer>{SECRET}</answer>",
    ]
    replies = {"Check": f"VERDICT: CORRECT {SECRET}"}
    price = {"input": 20.0, "output": 20.0}
    script = {"turns": turns, "replies": replies}
    lead = expert("lead", script, active_parameters=400.0, price=price, tags=["general"])
    price = {"input": 2.0, "output": 4.0}
    helper = expert(
        "helper", {"replies": replies, "text": SECRET}, price=price, active_parameters=1.0
    )
    run = make_run(TASK, lead, helper)
    await execute("conductor", run)
    steps = kept(run)
    assert SECRET not in str(steps)
    assert [step["number"] for step in steps] == list(range(1, len(steps) + 1))
    scholar, named = (step for step in steps if step["kind"] == "expert")
    assert "title" not in scholar  # a model called it so
    assert (named["title"], named["expert"], named["version"]) == ("helper", "helper", 1)
    assert (
        named["cost_nanos"] == 2_000 * named["prompt_tokens"] + 4_000 * named["completion_tokens"]
    )
    assert steps[0]["title"] == "Round 1"
    assert f"{SECRET} scholar" in [step.get("title") for step in kept(run, roles=True)]


async def test_a_part_belongs_to_the_step_that_stands_for_it(make_run: MakeRun) -> None:
    turns = ['<call expert="strategy:cot">\nPart.\n</call>', "<answer>Done.</answer>"]
    lead = expert("lead", {"turns": turns, "replies": {"Check": "VERDICT: CORRECT", "Part.": "4"}})
    run = make_run("Do it.", lead)
    await execute("conductor", run)
    steps = kept(run)
    (whole,) = (step for step in steps if step["kind"] == "strategy")
    assert whole["title"] == "strategy:cot"
    parts = [step for step in steps if step.get("parent") == whole["number"]]
    assert parts
    assert all(step["number"] > whole["number"] for step in parts)
    assert {step.get("parent") for step in steps} == {None, whole["number"]}


async def test_what_fails_names_its_error_and_an_expert_that_can_do_it_is_missing(
    make_run: MakeRun,
) -> None:
    run = make_run("Say it.", expert("e", "fail:500"), limits=Limits(usd=100.0))
    messages = ({"role": "user", "content": "Say it."},)
    await run.ask(Ask("say", "expert", messages, expert="e"))
    await run.ask(Ask("more", "expert", messages, expert="nobody"))
    failed, nobody = kept(run)
    assert (failed["status"], failed["error"]) == ("failed", "expert_failed")
    assert (nobody["status"], nobody["error"]) == ("failed", "no_eligible_expert")


async def test_a_strategy_that_is_cancelled_has_cost_what_its_call_wrote(make_run: MakeRun) -> None:
    """Through the whole engine: whoever goes away in the middle of an answer has had that much of it."""
    said = "one two three four five six seven eight"
    price = {"input": 1_000.0, "output": 3_000.0}
    entry = expert(
        "e", f"pace:0.02|fixed:{said}", price=price, capabilities=["streaming"], model="echo"
    )
    run = make_run("Say it.", entry, limits=Limits(usd=100.0))
    told: list[str] = []
    enough = asyncio.Event()

    def tell(event: object) -> None:
        told.append(getattr(event, "text", ""))
        if len("".join(told).split()) >= 3:
            enough.set()

    run.emit = tell
    running = asyncio.create_task(execute("cot", run))
    await enough.wait()
    running.cancel()
    await asyncio.wait((running,))
    (step,) = kept(run)
    assert step["status"] == "cancelled"
    assert step["duration_ms"] > 20
    written = (await counted("echo", written="".join(told))).completion_tokens
    assert step["completion_tokens"] == written > 0
    (call,) = calls_of_steps(run.steps.values(), began=run.started_at, now=run.clock())
    assert call["cost_nanos"] == step["cost_nanos"] > 3_000_000 * written
    assert call["duration_ms"] > 20


async def test_whole_answers_of_strategies_teach_how_their_expert_counts(make_run: MakeRun) -> None:
    entry = expert("e", "fixed:one two three")
    run = make_run("Say it.", entry, limits=Limits(usd=100.0))
    assert isinstance(run.experts, CatalogueExperts)
    habit = run.experts.caller.habits.of(entry)
    before = habit.foreseen_tokens(1_000)
    for number in range(3):
        message = {"role": "user", "content": f"Say it {number} times."}
        await run.ask(Ask(f"say.{number}", "expert", (message,), expert="e"))
    assert habit.foreseen_tokens(1_000) != before


def step(number: int, **fields: object) -> Step:
    return Step(f"s.{number}", number, "expert", "x" * 200, "ok", "e", **fields)  # type: ignore[arg-type]


def test_there_is_an_end_to_what_is_kept() -> None:
    steps = [step(number) for number in range(MOST_STEPS + 7, 0, -1)]
    found = recorded(steps, began=0.0, now=1.0, errors={}, roles=False)
    assert found["left_out"] == 7
    assert [one["number"] for one in found["listed"]] == list(range(1, MOST_STEPS + 1))
    assert max(len(one["title"]) for one in found["listed"]) == 80


def test_calls_of_an_expert_last_from_the_first_s_begin_to_the_last_s_end() -> None:
    steps = [step(1, started_at=10.5, seconds=1.0), step(2, started_at=11.0, seconds=2.0)]
    (call,) = calls_of_steps(steps, began=10.0, now=20.0)
    assert (call["began_ms"], call["duration_ms"], call["calls"]) == (500.0, 2_500.0, 2)


def test_what_was_taken_over_names_the_step_and_costs_nothing() -> None:
    steps = [step(1, usd=1.0), step(2, reused_from="s.1")]
    _, other = recorded(steps, began=0.0, now=1.0, errors={}, roles=False)["listed"]
    assert other["reused_from"] == 1
    assert "cost_nanos" not in other
