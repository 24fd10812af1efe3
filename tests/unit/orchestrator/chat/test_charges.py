"""What each call of a request is charged with, however it ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.calling.attempts import Attempt
from experts.catalogue.expert import Expert, Price
from experts.counting.habits import Habit
from experts.providers.protocol import Usage
from orchestrator.catalogue.service import Catalogue
from orchestrator.chat.charges import Asked, calls_of
from orchestrator.chat.target import Target
from orchestrator.usage.charges import charges_of
from orchestrator.usage.record import token_fields

A = Expert(id="a", provider="scripted", model="echo", price=Price(input=1.0, output=2.0))
B = Expert(id="b", provider="scripted", model="echo", price=Price(input=10.0, output=20.0))
TARGET = Target(A, Catalogue(experts={"a": A, "b": B}, versions={"a": 3, "b": 4}))
ASKED = Asked([{"role": "user", "content": "one two three four five six"}])


def attempt(expert: Expert, outcome: Any, **fields: Any) -> Attempt:
    return Attempt(expert, "default", 0.0, outcome=outcome, **fields)


async def charged(*attempts: Attempt, written: str = "") -> list[dict[str, Any]]:
    return await calls_of(attempts, TARGET, ASKED, written)


async def test_counted_tokens_are_priced_by_who_counted_them() -> None:
    failed = attempt(A, "failed", error="expert_failed")
    answered = attempt(B, "ok", usage=Usage(5, 7))
    calls = await charged(failed, answered)
    assert [(call["expert"], call["version"], call["cost_nanos"]) for call in calls] == [
        ("a", 3, 0),
        ("b", 4, 5 * 10_000 + 7 * 20_000),
    ]
    assert not any(call["tokens_estimated"] for call in calls)
    assert calls[0]["error"] == "expert_failed"


@pytest.mark.parametrize(
    ("one", "written", "prompt", "answer"),
    [
        (attempt(A, "ok"), "seven eight", True, True),
        (attempt(A, "failed", sent=True), "seven eight", True, True),
        (attempt(A, "cancelled", sent=True), "seven eight", True, True),
        (attempt(A, "cancelled"), "", True, False),
        (attempt(A, "running"), "", True, False),
        (attempt(A, "failed", error="expert_timeout"), "", True, False),
        (attempt(A, "failed"), "", False, False),
        (attempt(A, "refused"), "", False, False),
    ],
)
async def test_what_nobody_counted_is_estimated(
    one: Attempt, written: str, *, prompt: bool, answer: bool
) -> None:
    (call,) = await charged(one, written=written)
    assert (call["prompt_tokens"] > 0, call["completion_tokens"] > 0) == (prompt, answer)
    assert (call["cost_nanos"] > 0) == prompt
    assert call["tokens_estimated"]
    assert call["outcome"] in {"ok", "failed", "refused", "cancelled"}


async def test_a_call_that_is_given_up_has_lasted_until_now() -> None:
    going_on = Attempt(A, "default", 0.25, outcome="running")
    ended = Attempt(B, "default", 0.5, seconds=0.125, outcome="cancelled")
    calls = await calls_of([going_on, ended], TARGET, ASKED, "", elapsed=1.0)
    lasted = {call["expert"]: (call["outcome"], call["duration_ms"]) for call in calls}
    assert lasted == {"a": ("cancelled", 750.0), "b": ("cancelled", 125.0)}


async def test_a_hedge_that_lost_has_read_the_prompt_and_who_answered_comes_last() -> None:
    winner = attempt(A, "ok", usage=Usage(6, 2))
    loser = attempt(B, "cancelled", hedge=True)
    calls = await charged(winner, loser, written="not the loser's")
    assert [call["expert"] for call in calls] == ["b", "a"]
    assert calls[0]["hedge"]
    assert calls[0]["completion_tokens"] == 0
    assert calls[0]["cost_nanos"] == calls[0]["prompt_tokens"] * 10_000 > 0
    assert token_fields(calls)["cost_nanos"] == calls[0]["cost_nanos"] + 10_000


usages = st.builds(Usage, st.integers(0, 10**6), st.integers(0, 10**6))


@given(st.lists(st.tuples(st.sampled_from([A, B]), usages), min_size=1, max_size=6))
async def test_the_whole_is_the_sum_of_its_parts(found: list[tuple[Expert, Usage]]) -> None:
    calls = await charged(*(attempt(expert, "ok", usage=usage) for expert, usage in found))
    assert token_fields(calls)["cost_nanos"] == sum(call["cost_nanos"] for call in calls)
    assert token_fields(calls)["cost_nanos"] == sum(
        round(
            1000 * (usage.prompt_tokens * e.price.input + usage.completion_tokens * e.price.output)
        )
        for e, usage in found
    )


async def test_what_nobody_saw_of_a_broken_answer_is_charged_too() -> None:
    unseen = b'data: {"choices":[{"delta":{"content":"seven eight"}}]}\n\n'
    failed = attempt(A, "failed", unseen=unseen)
    answered = attempt(B, "ok", usage=Usage(5, 7))
    first, _ = await charged(failed, answered, written="all else")
    assert (
        first["completion_tokens"]
        == (await charged(attempt(A, "ok"), written="seven eight"))[0]["completion_tokens"]
    )
    assert first["prompt_tokens"] > 0
    assert first["tokens_estimated"]


async def test_its_own_system_prompt_is_read_by_an_expert_too() -> None:
    told = A.model_copy(update={"system_prompt": "Answer in one word, and in no more than that."})
    ((_, plain),) = await charges_of([attempt(A, "ok")], ASKED, "yes")
    ((_, more),) = await charges_of([attempt(told, "ok")], ASKED, "yes")
    assert 10 < more.usage.prompt_tokens - plain.usage.prompt_tokens < 25
    assert more.usage.completion_tokens == plain.usage.completion_tokens


def asked(number: int, foreseen: int | None) -> Asked:
    return Asked([{"role": "user", "content": "one two three " * (1 + number % 5)}], None, foreseen)


async def taught(habit: Habit, usage: Usage, foreseen: int | None = 20, **fields: Any) -> Habit:
    """Let an expert answer often, and count words."""
    for number in range(60):
        words = 3 * (1 + number % 5)
        seen = replace(usage, prompt_tokens=usage.prompt_tokens + words)
        one = attempt(A, "ok", usage=seen, habit=habit, **fields)
        await charges_of([one], asked(number, foreseen), "four five six seven eight nine")
    return habit


async def broken_off(habit: Habit) -> Usage:
    one = attempt(A, "failed", sent=True, habit=habit)
    ((_, charge),) = await charges_of([one], asked(1, 20), "four five six")
    return charge.usage


async def test_what_breaks_off_is_charged_as_its_expert_counts() -> None:
    unknown = await broken_off(Habit())
    assert unknown.prompt_tokens > 12
    habit = await taught(Habit(), Usage(0, 6))
    found = await broken_off(habit)
    assert (found.prompt_tokens, found.completion_tokens, found.estimated) == (6, 3, True)
    assert await broken_off(await taught(Habit(), Usage(0, 6), foreseen=None)) == unknown
    assert await broken_off(await taught(Habit(), Usage(0, 6, estimated=True))) == unknown


async def test_an_answer_that_did_not_end_teaches_nothing() -> None:
    habit = Habit()
    for _ in range(60):
        one = attempt(A, "cancelled", sent=True, usage=Usage(1000, 1000), habit=habit)
        await charges_of([one], asked(1, 20), "four five six")
    assert await broken_off(habit) == await broken_off(Habit())
    assert habit.curious
    assert habit.foreseen_tokens(20) == 20


async def test_whose_answer_was_written_by_another_teaches_nothing_of_it() -> None:
    """What was written belongs to who answered; a call beside it has written nothing of that."""
    mine, other = Habit(), Habit()
    for number in range(60):
        loser = attempt(B, "failed", habit=other, error="expert_failed")
        winner = attempt(A, "ok", usage=Usage(3 * (1 + number % 5), 6), habit=mine)
        await charges_of([loser, winner], asked(number, 20), "four five six seven eight nine")
    assert (await broken_off(mine)).completion_tokens == 3
    assert await broken_off(other) == await broken_off(Habit())


async def test_a_vendor_that_lies_once_is_not_followed() -> None:
    habit = await taught(Habit(), Usage(0, 6))
    lie = attempt(A, "ok", usage=Usage(10**8, 10**8), habit=habit)
    await charges_of([lie], asked(1, 20), "four five six seven eight nine")
    found = await broken_off(habit)
    assert (found.prompt_tokens, found.completion_tokens) == (6, 3)
