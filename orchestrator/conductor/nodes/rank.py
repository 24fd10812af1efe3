"""Ranks solutions by what students make of them: a good way to do a task also does others like it.

Cheap experts are shown each solution and a stored problem whose answer is known, and are to do the
problem in the same way. Only for texts that cannot be counted, and only where problems are stored.
"""

from __future__ import annotations

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
_KEPT_CALLS = 2
"""For whoever makes one answer of all, and for the last word."""
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
    solutions, problems = spoken(state)[:SOLUTIONS], state["problems"]
    students = [expert for expert, _ in run.experts.ranked(run.task, policy="economy")[:STUDENTS]]
    trials = [(problem, student) for problem in problems for student in students]
    asks = [
        _ask(run, solution, *trial, key=f"rank.{place}.{number}")
        for place, solution in enumerate(solutions, 1)
        for number, trial in enumerate(trials, 1)
    ]
    new = sum(run.step(ask.key) is None for ask in asks)
    if run.spent.calls + new + _KEPT_CALLS > run.limits.calls:
        return {}
    try:
        steps = await run.ask_all(asks)
    except LimitReached:
        return {}  # half a comparison is none
    size = len(trials)
    scores = [
        sum(_right(step, problem) for step, (problem, _) in zip(part, trials, strict=True))
        for part in (steps[start : start + size] for start in range(0, len(steps), size))
    ]
    return await _decided(run, solutions, scores, size)


async def _decided(run: Run, solutions: list[Heard], scores: list[int], size: int) -> State:
    pairs = list(zip(solutions, scores, strict=True))
    best = [solution for solution, own in pairs if own == max(scores)]
    listed = "\n".join(f"{each['expert']}: {own} of {size} right" for each, own in pairs)
    alone = len(best) == 1
    found = best[0]["text"] if alone else f"{len(best)} are as good as each other"
    await run.note("rank", "rank", "Ranked by students", given=listed, found=found)
    if alone:
        return {"answer": best[0]["text"]}
    return {"heard": best} if len(best) < len(solutions) else {}


def _right(step: Step, problem: Problem) -> bool:
    options = options_in(problem["task"])
    said, known = (read_answer(text, options) for text in (step.output, problem["answer"]))
    return step.status == "ok" and said is not None and said == known


def _countable(lesson: Lesson) -> bool:
    return read_answer(lesson.answer, options_in(lesson.task)) is not None


def _ask(run: Run, solution: Heard, problem: Problem, student: str, *, key: str) -> Ask:
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
