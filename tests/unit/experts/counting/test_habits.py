"""How experts count is learned from what they counted, and sparingly."""

from __future__ import annotations

from typing import Any

import pytest

from experts.catalogue.expert import Expert
from experts.counting import counter
from experts.counting.counter import at_least_written, counted, learn
from experts.counting.habits import CLOSELY, ONE_IN, Habit, Habits
from experts.counting.measure import Measure
from experts.providers.protocol import Usage

WORDS = "once more with feeling and then again"


def expert(name: str, model: str = "echo") -> Expert:
    return Expert(id=name, provider="scripted", model=model)


def said(words: str, count: int = 1) -> list[dict[str, Any]]:
    return [{"role": "user", "content": words}] * count


def taught(habit: Habit, many: int = 90) -> Habit:
    """Let a habit learn from an expert that counts words, and nothing else."""
    for number in range(many):
        repeated = 1 + number % 7
        words = " ".join([WORDS] * repeated)
        usage = Usage(7 * repeated, 7 * repeated)
        learn(habit, usage, "x", messages=said(words), tools=None, written=words)
    return habit


async def test_an_expert_that_counts_words_is_counted_in_words() -> None:
    plain = await counted("x", messages=said(WORDS), written=WORDS)
    found = await counted("x", messages=said(WORDS), written=WORDS, habit=taught(Habit()))
    assert plain.prompt_tokens > 14
    assert (found.prompt_tokens, found.completion_tokens) == (7, 7)
    assert found.estimated


async def test_an_answer_that_broke_off_is_counted_as_its_expert_does() -> None:
    habit, usage = taught(Habit()), Usage(5, 6)
    found = await at_least_written(usage, "x", WORDS, habit)
    assert (found.prompt_tokens, found.completion_tokens, found.estimated) == (5, 7, True)
    assert await at_least_written(Usage(5, 9), "x", WORDS, habit) == Usage(5, 9)


async def test_nothing_asked_and_nothing_written_is_nothing_whatever_was_learned() -> None:
    for habit in (Habit(), taught(Habit())):
        assert await counted("x", habit=habit) == Usage(0, 0, estimated=True)


async def test_images_are_added_as_they_are_and_not_learned_from() -> None:
    image = [{"type": "text", "text": WORDS}, {"type": "image_url", "image_url": {"url": "x"}}]
    messages = [{"role": "user", "content": image}]
    habit = taught(Habit())
    assert (await counted("x", messages=messages, habit=habit)).prompt_tokens == 7 + 800
    for _ in range(30):
        learn(habit, Usage(10_000, 7), "x", messages=messages, tools=None, written=WORDS)
    assert (await counted("x", messages=messages, habit=habit)).prompt_tokens == 7 + 800


def test_reasoning_that_is_counted_apart_says_nothing_of_the_text() -> None:
    habit = taught(Habit())
    for _ in range(30):
        habit.wrote(Measure(written=10), Usage(7, 500, reasoning_tokens=490))
    assert habit.answer_tokens(Measure(written=10)) < 12


@pytest.mark.parametrize("model", ["x", "gpt-4o"])
def test_what_costs_much_to_count_is_not_learned_from(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counter, "_loaded", {})  # a vocabulary is not read only to learn

    def never(model: str, text: str) -> int:
        raise AssertionError((model, len(text)))

    monkeypatch.setattr(counter, "text_tokens", never)
    words = WORDS * 1000 if model == "x" else WORDS
    learn(Habit(), Usage(9, 9), model, messages=said(words), tools=None, written=words)


def test_a_tokenizer_that_is_in_memory_is_learned_with() -> None:
    counter.text_tokens("gpt-4o", "x")
    habit = Habit()
    for _ in range(90):
        learn(habit, Usage(60, 0), "gpt-4o", messages=said(WORDS), tools=None, written="")
    assert habit.prompt_tokens(Measure(1, 7)) == pytest.approx(60, abs=1)


def test_answers_are_looked_at_closely_at_first_and_then_seldom() -> None:
    habit = Habit()
    looked = [habit.take() for _ in range(CLOSELY + 10 * ONE_IN)]
    assert all(looked[:CLOSELY])
    assert sum(looked[CLOSELY:]) == 10


def test_a_change_is_looked_at_closely() -> None:
    habit = Habit()

    def count(factor: float, answers: int) -> int:
        looked = 0
        for _ in range(answers):
            if habit.curious:
                habit.wrote(Measure(written=100), Usage(0, round(100 * factor)))
            looked += habit.take()
        return looked

    count(1.0, 1000)
    assert count(1.0, 320) == 10
    assert count(1.6, 320) >= CLOSELY
    assert habit.answer_tokens(Measure(written=100)) == pytest.approx(160, rel=0.05)


def test_what_is_foreseen_follows_what_is_counted() -> None:
    habit = Habit()
    assert [habit.foreseen_tokens(tokens) for tokens in (0, 1, 50)] == [0, 1, 50]
    for number in range(90):
        tokens = 20 + 10 * (number % 9)
        habit.foresaw(tokens, Usage(30 + 2 * tokens, 0))
    assert habit.foreseen_tokens(100) == pytest.approx(230, rel=0.02)


def test_each_expert_and_model_has_its_own_and_no_more_are_kept_than_fit() -> None:
    habits = Habits(most=2)
    first, other = habits.of(expert("a")), habits.of(expert("b"))
    assert habits.of(expert("a")) is first is not other
    assert habits.of(expert("a", "another")) is not first  # "b" is forgotten for it
    assert habits.of(expert("a")) is first
    assert habits.of(expert("b")) is not other
