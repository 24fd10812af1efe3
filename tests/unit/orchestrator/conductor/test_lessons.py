"""What runs learn from each other, how solutions are ranked by students, and how answers have fared."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.conductor.engine import execute
from orchestrator.conductor.gate import History
from orchestrator.conductor.histories import MOST_CHECKED, Histories, first_verdict
from orchestrator.conductor.knowledge import Knowledge
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.nodes.lessons import LONGEST_TASK, objections, written
from orchestrator.conductor.run import Run
from orchestrator.conductor.values import Lesson, Outcome, Step, StepKind, Task
from orchestrator.lessons.memory import MemoryLessons
from router import HashingEmbedder

from .conftest import MakeRun, expert

TASK = "What is the sum of the first ten primes?"
LIKE_IT = "What is the sum of the first six primes?"
RIGHT = "VERDICT: CORRECT"
WRONG = "VERDICT: WRONG. It forgot the number 29."


@pytest.fixture
def lessons() -> MemoryLessons:
    return MemoryLessons(HashingEmbedder())


def known(run: Run, lessons: MemoryLessons, **fields: Any) -> Run:
    run.task = replace(run.task, tenant="acme", category="math", **fields)
    run.lessons = lessons
    return run


def task(text: str = TASK, tenant: str = "acme", category: str | None = "math") -> Task:
    message = {"role": "user", "content": text}
    return Task((message,), text, tenant=tenant, category=category)


def step(key: str, kind: StepKind, output: str, number: int) -> Step:
    return Step(key, number, kind, key, "ok", output=output)


async def test_a_correction_is_kept_and_told_to_the_next_run(
    make_run: MakeRun, lessons: MemoryLessons
) -> None:
    lead = {"turns": ["100", "<answer>129</answer>"]}
    checks = {"replies": {"Answer:\n100": WRONG}, "text": RIGHT}
    team = (expert("lead", lead, tags=["math"], active_parameters=70.0), expert("other", checks))
    run = known(make_run(TASK, *team), lessons, uncertainty=0.9)
    outcome = await execute("auto", run)
    assert (outcome.text, outcome.verified) == ("129", True)
    [kept] = await lessons.find(task(), 5)
    assert kept == Lesson(TASK, "129", WRONG)

    again = known(make_run(LIKE_IT, expert("one", "echo")), lessons)
    outcome = await execute("auto", again)
    assert [each.key for each in outcome.steps] == ["gate", "lessons", "direct.1"]
    assert "forgot the number 29" in outcome.steps[1].output
    assert outcome.text == LIKE_IT  # what was learnt leads the conversation, the task ends it


@pytest.mark.parametrize("strategy", ["auto", "conductor"])
async def test_experts_are_told_what_was_learnt(
    make_run: MakeRun, lessons: MemoryLessons, strategy: str
) -> None:
    await lessons.keep(task(), Lesson(TASK, "129", "It forgot the number 29."))
    seen: list[Any] = []
    run = known(make_run(LIKE_IT, expert("one", {"text": f"<answer>41</answer> {RIGHT}"})), lessons)
    asking = run.experts.ask

    async def noting(expert: str, ask: Any, given: Task, tell: Any, lost: Any) -> Any:
        seen.append(ask.messages)
        return await asking(expert, ask, given, tell, lost)

    class Noting:
        ask = staticmethod(noting)

        def __getattr__(self, name: str) -> Any:
            return getattr(everyone, name)

    everyone, run.experts = run.experts, Noting()  # type: ignore[assignment]  # stands in for it
    await execute(strategy, run)
    told = json.dumps(seen[0])
    assert "It forgot the number 29." in told
    assert seen[0][-1] == {"role": "user", "content": LIKE_IT}


async def test_what_no_check_has_passed_teaches_nothing(
    make_run: MakeRun, lessons: MemoryLessons
) -> None:
    await execute("direct", known(make_run(TASK, expert("one", {"text": "129"})), lessons))
    long = known(make_run("x" * (LONGEST_TASK + 1), expert("one", {"text": RIGHT})), lessons)
    await execute("cascade", long)
    assert not await lessons.find(task(), 5)


async def test_lessons_go_to_their_own_tenant_and_category(lessons: MemoryLessons) -> None:
    await lessons.keep(task(), Lesson(TASK, "129"))
    assert await lessons.find(task(LIKE_IT), 5) == (Lesson(TASK, "129"),)
    assert not await lessons.find(task(tenant="other"), 5)
    assert not await lessons.find(task(category="law"), 5)
    assert not await lessons.find(task("Translate a poem about the sea."), 5)


async def test_the_memory_is_bounded_and_keeps_the_last_word() -> None:
    lessons = MemoryLessons(HashingEmbedder(), most=2)
    for number in range(3):
        await lessons.keep(task(), Lesson(f"{TASK} {number}", str(number)))
    assert {each.answer for each in await lessons.find(task(), 5)} == {"1", "2"}
    await lessons.keep(task(), Lesson(f"{TASK} 1", "changed"))
    assert {each.answer for each in await lessons.find(task(), 5)} == {"changed", "2"}


def test_what_is_told_is_bounded() -> None:
    lesson = Lesson("word " * 400, "word " * 400, "word " * 400)
    told = written([lesson] * 10)
    assert len(told) < 2600  # some 600 tokens
    assert told.count("Task: ") == 3


def test_objections_of_every_kind_of_check() -> None:
    steps = [
        step("check", "verify", WRONG, 3),
        step("find", "correct", "29 is missing. FIRST WRONG STEP: 2", 1),
        step("again", "correct", "FIRST WRONG STEP: NONE", 4),
        step("said", "expert", WRONG, 2),
    ]
    assert objections(steps) == ["29 is missing. FIRST WRONG STEP: 2", WRONG]


LONG = (
    "First list them all, one below the other, and then work through the list with patience. " * 2
)


def panel(student: dict[str, Any]) -> list[Any]:
    """Return two good experts whose texts cannot be counted, and a cheap one."""
    big = {"tags": ["math"], "active_parameters": 70.0, "price": {"input": 9.0, "output": 9.0}}
    return [
        expert(
            "ada", {"replies": {"Do this task in the same way": "?"}, "text": f"{LONG}Ada"}, **big
        ),
        expert(
            "bo", {"replies": {"Do this task in the same way": "?"}, "text": f"{LONG}Bo"}, **big
        ),
        expert("pupil", {"text": "unsure", **student}, active_parameters=1.0),
    ]


async def test_students_tell_which_solution_is_good(
    make_run: MakeRun, lessons: MemoryLessons
) -> None:
    for number in (6, 7, 8):
        text = f"What is the sum of the first {number} primes?"
        await lessons.keep(task(), Lesson(text, "41"))
    await lessons.keep(task(), Lesson("What is the sum of all primes you like?", LONG * 3))
    learns = {"replies": {f"{LONG}Bo": "FINAL ANSWER: 41", f"{LONG}Ada": "FINAL ANSWER: 7"}}
    run = known(make_run(TASK, *panel(learns)), lessons)
    outcome = await execute("panel", run)
    assert outcome.text == f"{LONG}Bo"
    [ranked] = [each for each in outcome.steps if each.key == "rank"]
    assert "bo: 2 of 4 right" in ranked.input
    assert "ada: 0 of 4 right" in ranked.input
    assert not any(each.kind == "aggregate" for each in outcome.steps)


async def test_solutions_that_teach_alike_are_made_into_one(
    make_run: MakeRun, lessons: MemoryLessons
) -> None:
    await lessons.keep(task(), Lesson(LIKE_IT, "41"))
    outcome = await execute("panel", known(make_run(TASK, *panel({})), lessons))
    assert [each.kind for each in outcome.steps][-1] == "aggregate"
    assert any(each.key == "rank" for each in outcome.steps)


async def test_without_problems_or_calls_nobody_is_ranked(
    make_run: MakeRun, lessons: MemoryLessons
) -> None:
    outcome = await execute("panel", known(make_run(TASK, *panel({})), lessons))
    assert not any(each.kind == "rank" for each in outcome.steps)
    await lessons.keep(task(), Lesson(LIKE_IT, "41"))
    few = known(make_run(TASK, *panel({}), limits=Limits(calls=5)), lessons)
    outcome = await execute("panel", few)
    assert outcome.text.startswith(LONG)
    assert not any(each.kind == "rank" for each in outcome.steps)


def test_histories_count_first_verdicts_and_stay_bounded() -> None:
    histories = Histories()
    assert histories.of(task()) == History()
    histories.note(task(), [step("a", "expert", WRONG, 1)])
    assert histories.of(task()) == History()
    checks = [step("b", "verify", RIGHT, 2), step("a", "verify", WRONG, 1)]
    assert first_verdict(checks) is False
    histories.note(task(), checks)
    assert histories.of(task()) == History(1, 1)
    assert histories.of(task(tenant="other")) == History()
    for _ in range(3 * MOST_CHECKED):
        histories.note(task(), [step("a", "verify", RIGHT, 1)])
    found = histories.of(task())
    assert found.checked <= MOST_CHECKED
    assert found.refused == 0  # what was long ago is forgotten


async def test_bad_experience_makes_the_gate_careful(make_run: MakeRun) -> None:
    knowledge = Knowledge()
    cares = []
    for _ in range(4):
        lead = {"turns": ["100", "<answer>129</answer>"]}
        checks = {"replies": {"Answer:\n100": WRONG}, "text": RIGHT}
        team = (
            expert("lead", lead, tags=["math"], active_parameters=70.0),
            expert("other", checks),
        )
        run = make_run(TASK, *team)
        run.task = replace(run.task, tenant="acme", category="math", uncertainty=0.0)
        cares.append((await execute("auto", knowledge.given_to(run))).steps[0].output)
        knowledge.histories.note(run.task, [step("a", "verify", WRONG, 1)])
    assert cares == ["answer", "check", "check", "check"]


async def test_a_run_says_how_it_ended(make_run: MakeRun) -> None:
    heard: list[Outcome] = []
    run = make_run(TASK, expert("one", {"text": "129"}))
    run.ended = heard.append
    assert await execute("direct", run) in heard
