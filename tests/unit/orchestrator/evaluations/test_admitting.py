"""Which prompts decide on a new expert, and what an answer comes to."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.conductor.evaluation.graders.grade import RIGHT, wrong
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.evaluations.admitting import balanced, chances, shots_of
from orchestrator.evaluations.equivalence import comes_to
from router.evidence.admission import Rule, critical, power

OPTIONS = ["red", "blue", "green", "grey"]


def task(target: str = "", name: str = "t", category: str = "c", **fields: object) -> GradedTask:
    return GradedTask(name, category, "What?", target, fields=dict(fields))


def uneven(rng: np.random.Generator, count: int) -> list[GradedTask]:
    """Return prompts of two categories; in the rarer one, three right answers in four are A."""
    tasks = []
    for n in range(count):
        rare = rng.random() < 0.1
        letter = str(rng.choice(list("AAAB") if rare else list("ABCD")))
        tasks.append(task(letter, f"t{n}", "rare" if rare else "usual", options=OPTIONS))
    return tasks


def test_whoever_always_says_the_same_stays_out_where_categories_differ() -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        shots = shots_of(uneven(rng, 1000), Rule())
        keys = np.array([each.target for each in shots.tasks])
        needed = critical(shots.guesses)
        assert max((keys == letter).sum() for letter in "ABCD") < needed
        guesses = rng.choice(list("ABCD"), size=(200, len(keys)))
        assert ((guesses == keys).sum(axis=1) >= needed).mean() <= 0.06
        assert power(shots.guesses) >= 0.9
        assert len(keys) == shots.needed < 300


def test_no_right_answer_is_drawn_more_often_than_it_has_to_be() -> None:
    tasks = [
        task("ABCD"[n % 8 % 4 if n % 8 < 6 else 0], f"t{n}", options=OPTIONS) for n in range(400)
    ]
    drawn = balanced(tasks, 100)
    assert sorted(np.unique([each.target for each in drawn], return_counts=True)[1]) == [25] * 4
    assert chances(drawn) == pytest.approx([0.25] * 100)
    more = {each.id for each in balanced(tasks, 140)}
    assert {each.id for each in drawn} < more
    assert [each.id for each in drawn] == sorted(
        (each.id for each in drawn), key=lambda name: int(name[1:])
    )
    assert balanced(tasks, 1000) == tasks


def test_as_many_as_it_takes_or_as_there_are() -> None:
    numbers = [task(str(n), f"t{n}") for n in range(500)]
    shots = shots_of(numbers, Rule())
    assert shots.needed <= len(shots.tasks) < 100
    assert chances(shots.tasks).max() <= 1 / 22, "one right answer may be luck"
    assert len(shots_of(numbers, Rule(), 7).tasks) == 7
    few = shots_of(numbers[:10], Rule())
    assert len(few.tasks) == 10 < few.needed
    with pytest.raises(ValueError, match="no expert is better"):
        shots_of([task("yes", f"t{n}") for n in range(9)], Rule(), 5)


@pytest.mark.parametrize(
    ("asked", "one", "other", "same"),
    [
        (
            task("A", options=OPTIONS),
            "FINAL ANSWER: B",
            "It is that.\nFINAL ANSWER: (B) blue",
            True,
        ),
        (task("A", options=OPTIONS), "FINAL ANSWER: B", "FINAL ANSWER: C", False),
        (task("A", options=OPTIONS), "B or C", "C or B", False),
        (task("4"), "FINAL ANSWER: 1,000", "FINAL ANSWER: 1000.0", True),
        (task("4"), "about 5", "about 6", False),
        (task("Paris"), "FINAL ANSWER: **Lima**", "FINAL ANSWER: Lima.", True),
    ],
)
def test_what_an_answer_comes_to(asked: GradedTask, one: str, other: str, same: bool) -> None:
    assert (comes_to(one, asked) == comes_to(other, asked)) is same


def test_programs_are_the_same_where_both_are_right() -> None:
    asked = task(tests="assert f(1) == 2")
    assert comes_to("def f(x): return 2 * x", asked, RIGHT) == comes_to(
        "f = lambda x: 2", asked, RIGHT
    )
    assert comes_to("f = 1", asked, wrong("no")) != comes_to("f = 1", asked, RIGHT)
