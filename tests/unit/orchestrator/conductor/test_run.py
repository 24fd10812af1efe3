"""A run: each thing once, in parallel, on record, within limits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.events import Event, StepDelta, StepFinished, StepStarted
from orchestrator.conductor.limits import LimitReached, Limits, Spent, check_call
from orchestrator.conductor.nodes.history import folded, with_replies
from orchestrator.conductor.ports import MemoryLedger
from orchestrator.conductor.values import Ask

from .conftest import MakeRun, expert


def ask(key: str, text: str = "Hello", name: str | None = "echo", **fields: Any) -> Ask:
    return Ask(key, "expert", ({"role": "user", "content": text},), expert=name, **fields)


async def test_independent_calls_run_at_the_same_time(make_run: MakeRun) -> None:
    run = make_run("Hi", expert("echo", "delay:0.3|echo"))
    started = asyncio.get_running_loop().time()
    steps = await run.ask_all(ask(f"a.{n}", f"text {n}") for n in range(10))
    assert asyncio.get_running_loop().time() - started < 1.5
    assert [step.output for step in steps] == [f"text {n}" for n in range(10)]
    assert len({step.number for step in steps}) == 10


async def test_identical_calls_at_the_same_time_are_one(make_run: MakeRun) -> None:
    run = make_run("Hi", expert("echo", "delay:0.1|echo", price={"input": 1e6, "output": 1e6}))
    run.limits = Limits(usd=1e9)
    first, second = await run.ask_all([ask("a.1"), ask("a.2")])
    assert second.reused_from == first.key
    assert second.output == first.output == "Hello"
    assert run.spent.calls == 1
    assert run.spent.usd == pytest.approx(first.usd)


async def test_what_failed_may_be_tried_again(make_run: MakeRun) -> None:
    run = make_run("Hi", expert("echo", "flaky:1:503|echo"))
    assert (await run.ask(ask("a.1"))).status == "failed"
    assert (await run.ask(ask("a.2"))).output == "Hello"
    assert run.spent.calls == 2


async def test_a_resumed_run_pays_for_nothing_finished(make_run: MakeRun) -> None:
    ledger = MemoryLedger()
    priced = {"input": 1.0, "output": 1.0}
    before = make_run("Hi", expert("echo", "echo", price=priced), ledger=ledger)
    done = await before.ask(ask("a.1"))
    again = make_run("Hi", expert("echo", "fail:500", price=priced), ledger=ledger)
    assert await again.ask(ask("a.1")) == done
    assert again.spent.usd == before.spent.usd
    later = await again.ask(ask("a.2", "Other"))
    assert later.number == done.number + 1
    assert later.status == "failed"


async def test_somebody_unknown_is_a_failed_step(make_run: MakeRun) -> None:
    run = make_run("Hi", expert("echo", "echo"))
    step = await run.ask(ask("a.1", name="nobody"))
    assert step.status == "failed"
    assert "nobody" in step.output
    assert run.spent.calls == 0


async def test_all_is_told_as_it_happens(make_run: MakeRun) -> None:
    events: list[Event] = []
    run = make_run("Hi", expert("echo", "echo"), emit=events.append)
    await run.ask(ask("a.1"))
    await run.python("p.1", "print(6 * 7)")
    kinds = [type(event) for event in events]
    assert kinds[0] is StepStarted
    assert StepDelta in kinds
    assert kinds.count(StepFinished) == 2
    assert run.steps["p.1"].output == "42"


async def test_the_last_call_is_kept_for_the_last_word(make_run: MakeRun) -> None:
    run = make_run("Hi", expert("echo", "echo"), limits=Limits(calls=2))
    await run.ask(ask("a.1", "one"))
    with pytest.raises(LimitReached, match="2 expert calls"):
        await run.ask(ask("a.2", "two"))
    assert (await run.ask(ask("a.3", "three", concluding=True))).output == "three"
    with pytest.raises(LimitReached):
        await run.ask(ask("a.4", "four", concluding=True))


async def test_a_limit_met_by_one_lets_the_others_finish(make_run: MakeRun) -> None:
    run = make_run("Hi", expert("echo", "delay:0.05|echo"), limits=Limits(calls=3))
    with pytest.raises(LimitReached):
        await run.ask_all(ask(f"a.{n}", f"text {n}") for n in range(5))
    assert [step.status for step in run.steps.values()] == ["ok", "ok"]


async def test_an_expert_is_told_how_much_is_left(make_run: MakeRun) -> None:
    run = make_run("Hi", expert("echo", "echo"), limits=Limits(tokens=500))
    bounded = run._bounded(ask("a.1", parameters={"max_tokens": 10_000}), "echo")
    assert bounded.parameters["max_tokens"] == 500


async def test_a_hanging_expert_ends_with_the_run(make_run: MakeRun) -> None:
    run = make_run("Hi", expert("echo", "hang"), limits=Limits(seconds=0.2))
    step = await asyncio.wait_for(run.ask(ask("a.1")), 5)
    assert step.status == "failed"
    assert "0.2 seconds" in step.output


@given(
    spent=st.builds(
        Spent, st.integers(0, 40), st.integers(0, 300_000), st.floats(0, 2, allow_nan=False)
    ),
    seconds=st.floats(0, 400),
    expected=st.integers(0, 50_000),
)
def test_the_last_word_is_never_refused_earlier_than_another(
    spent: Spent, seconds: float, expected: int
) -> None:
    def refused(*, concluding: bool) -> bool:
        try:
            check_call(Limits(), spent, seconds, Spent(1, expected, 0.0), concluding=concluding)
        except LimitReached:
            return True
        return False

    assert refused(concluding=False) or not refused(concluding=True)
    if spent.calls >= 32 or spent.tokens + expected >= 200_000 or seconds >= 300.0:
        assert refused(concluding=True)


@pytest.mark.parametrize("field", ["rounds", "calls", "tokens", "usd", "seconds"])
def test_limits_are_positive(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Limits(**{field: 0})


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=30), st.integers(0, 4000))
def test_a_conversation_is_folded_into_the_window(lengths: list[int], window: int) -> None:
    messages = [{"role": "user", "content": "x" * length} for length in lengths]
    kept = folded(messages, window)
    assert len(kept) == len(messages)
    if window == 0:
        assert kept == messages
    total = sum(len(message["content"]) for message in kept)
    if sum(lengths) <= window * 0.7 * 4 - 4:
        assert kept == messages
    elif window:
        assert total <= max(window * 0.7 * 4, 0) + 260 * len(messages)


def test_the_task_and_the_last_messages_are_kept_the_longest() -> None:
    messages = [{"role": "user", "content": f"{n} " * 1000} for n in range(12)]
    kept = folded(messages, 7000)
    assert kept[:2] == messages[:2]
    assert kept[-4:] == messages[-4:]
    assert "shortened" in kept[2]["content"]


async def test_an_answer_is_told_piece_by_piece_and_its_tokens_counted(make_run: MakeRun) -> None:
    events: list[Event] = []
    run = make_run("Hi", expert("echo", "pace:0.01|echo"), emit=events.append)
    step = await run.ask(ask("a.1", "one two three four"))
    pieces = [event.text for event in events if isinstance(event, StepDelta)]
    assert len(pieces) > 2
    assert "".join(pieces) == step.output == "one two three four"
    assert step.completion_tokens == 4


def test_every_tool_call_has_its_reply() -> None:
    def spoken(*ids: str) -> dict[str, Any]:
        return {"role": "assistant", "content": "", "tool_calls": [{"id": each} for each in ids]}

    done = {"role": "tool", "tool_call_id": "b", "content": "391"}
    told = {"role": "user", "content": "Are you sure?"}
    conversation = [spoken("a", "b"), done, told, spoken("c"), told, spoken("d")]
    mended = with_replies(conversation)
    assert [m["tool_call_id"] for m in mended if m["role"] == "tool"] == ["a", "b", "c", "d"]
    assert [m for m in mended if m in conversation] == conversation
    assert with_replies(mended) == mended
    plain = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert with_replies(plain) == plain
