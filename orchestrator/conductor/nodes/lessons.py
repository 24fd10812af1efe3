"""What runs learn from each other: lessons are put before a task, and kept once a check has passed.

A lesson is a task with the answer that a check held to be right, and what the check had against an
answer before it. It goes to the tenant and category it came from, and to nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.conductor import prompts
from orchestrator.conductor.evaluation.final import final_answer
from orchestrator.conductor.nodes.verify import read_verdict
from orchestrator.conductor.nodes.wrong_step import wrong_step
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State
from orchestrator.conductor.values import Lesson, Message, Step

KEY = "lessons"
MOST = 3
"""Lessons that one task is led by."""
LONGEST_TASK = 2000
"""Characters of a task that a lesson is kept of."""
_LONGEST_PART = 250
"""Characters that are told of a lesson's task, warning and answer: 600 tokens in all at most."""


async def with_lessons(run: Run) -> tuple[Message, ...]:
    """Return the task's messages, led by what was learnt from tasks like it."""
    told = await _told(run)
    if not told:
        return run.task.messages
    system: Message = {"role": "system", "content": prompts.LESSONS.format(lessons=told)}
    return (system, *run.task.messages)


async def keep_lesson(state: State, run: Run, answer: str) -> None:
    """Keep what the run has taught: nothing, unless a check has passed its answer."""
    task = run.task.text
    if not state.get("verified") or not answer or len(task) > LONGEST_TASK:
        return
    refused = objections(run.own_steps)
    warning = _short(refused[-1]) if refused else ""
    await run.lessons.keep(run.task, Lesson(task, final_answer(answer)[:LONGEST_TASK], warning))


def objections(steps: Iterable[Step]) -> list[str]:
    """Return what checks had against answers, in the order in which they began."""
    found = [step for step in steps if step.status == "ok" and _refuses(step)]
    return [step.output for step in sorted(found, key=lambda step: step.number)]


def written(lessons: Sequence[Lesson]) -> str:
    """Return lessons as an expert is told them."""
    return "\n\n".join(map(_written, lessons[:MOST]))


async def _told(run: Run) -> str:
    """Return the lessons. They are a step of the run: resumed, it is told the same again."""
    known = run.step(KEY)
    if known is None:
        found = await run.lessons.find(run.task, MOST)
        if not found:
            return ""
        known = await run.note(KEY, "lessons", "What was learnt before", found=written(found))
    return known.output


def _written(lesson: Lesson) -> str:
    lines = [f"Task: {_short(lesson.task)}"]
    if lesson.warning:
        lines.append(f"A mistake that was made: {_short(lesson.warning)}")
    return "\n".join((*lines, f"Answer that passed: {_short(lesson.answer)}"))


def _refuses(step: Step) -> bool:
    if step.kind == "correct":
        return wrong_step(step.output) is not None
    return step.kind == "verify" and read_verdict(step.output) is False


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST_PART else f"{plain[: _LONGEST_PART - 4]} ..."
