"""Ranks solutions by what students make of them: a good way to do a task also does others like it.

Cheap experts are shown each solution and a stored problem whose answer is known, and are to do the
problem in the same way. Only for texts that cannot be counted, and only where problems are stored.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.conductor import prompts
from orchestrator.conductor.answers import options_in, read_answer
from orchestrator.conductor.limits import LimitReached
from orchestrator.conductor.nodes.judge import spoken
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import Heard, Problem, State
from orchestrator.conductor.values import Ask, Lesson, Step

SOLUTIONS = 4
PROBLEMS = 2
STUDENTS = 2
_LOOKED_AT = 10
"""Lessons among which problems are looked for."""


async def recall(state: State, run: Run) -> State:
    """Find problems like the task, with answers that can be compared."""
    if len(spoken(state)) < 2:
        return {}
    found = await run.lessons.find(run.task, _LOOKED_AT)
    problems = [Problem(task=each.task, answer=each.answer) for each in found if _countable(each)]
    return {"problems": problems[:PROBLEMS]}


async def rank(state: State, run: Run) -> State:
    """Take the solution that students do best with; of several as good, keep those alone."""
    solutions = spoken(state)[:SOLUTIONS]
    problems = state["problems"]
    students = [expert for expert, _ in run.experts.ranked(run.task, policy="economy")[:STUDENTS]]
    asks = [
        [
            _ask(run, solution, problem, student, f"rank.{place}.{number}.{who}")
            for number, problem in enumerate(problems, 1)
            for who, student in enumerate(students, 1)
        ]
        for place, solution in enumerate(solutions, 1)
    ]
    try:
        steps = await run.ask_all(ask for each in asks for ask in each)
    except LimitReached:
        return {}  # half a comparison is none
    size = len(problems) * len(students)
    each_problem = [problem for problem in problems for _ in students]
    scores = [
        _score(steps[place * size : (place + 1) * size], each_problem)
        for place in range(len(solutions))
    ]
    best = [each for each, own in zip(solutions, scores, strict=True) if own == max(scores)]
    alone = len(best) == 1
    listed = "\n".join(
        f"{each['expert']}: {own:g} of {size} right"
        for each, own in zip(solutions, scores, strict=True)
    )
    found = best[0]["text"] if alone else f"{len(best)} are as good as each other"
    await run.note("rank", "rank", "Ranked by students", given=listed, found=found)
    return {"answer": best[0]["text"]} if alone else {"heard": best}


def _score(steps: Sequence[Step], problems: Sequence[Problem]) -> float:
    """Return how many of the problems the students got right."""
    pairs = zip(steps, problems, strict=True)
    return float(sum(_right(step, problem) for step, problem in pairs))


def _right(step: Step, problem: Problem) -> bool:
    options = options_in(problem["task"])
    said, known = (read_answer(text, options) for text in (step.output, problem["answer"]))
    return step.status == "ok" and said is not None and said == known


def _countable(lesson: Lesson) -> bool:
    return read_answer(lesson.answer, options_in(lesson.task)) is not None


def _ask(run: Run, solution: Heard, problem: Problem, student: str, key: str) -> Ask:
    content = prompts.STUDENT.format(
        task=run.task.text, rationale=solution["text"], problem=problem["task"]
    )
    return Ask(
        key=key,
        kind="rank",
        title="A student tries it",
        messages=({"role": "user", "content": content},),
        expert=student,
        parameters=dict(run.task.parameters),
    )
