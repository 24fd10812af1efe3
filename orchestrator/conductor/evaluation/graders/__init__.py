"""Graders, one module a kind; :class:`Grading` finds the one for a task.

A new grader is a function ``(answer, task) -> Grade`` and its entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.conductor.evaluation.final import bare, final_answer, written_code
from orchestrator.conductor.evaluation.graders import (
    arithmetic,
    checkmate,
    choice,
    game24,
    generic,
    numeric,
    sorting,
)
from orchestrator.conductor.evaluation.graders.grade import Grade, Grader, wrong
from orchestrator.conductor.evaluation.graders.program import ProgramGrader, tests_of
from orchestrator.conductor.evaluation.graders.puzzle import PuzzleGrader
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.conductor.ports import Interpreter

__all__ = [
    "BY_CATEGORY",
    "PROGRAM",
    "PURE",
    "PUZZLE",
    "Grade",
    "Grading",
    "UnknownGrader",
    "grader_of",
]

SCHEMA = "json-schema"
PUZZLE, PROGRAM = "puzzle", "program"
"""The graders that need a sandbox."""
PURE: Mapping[str, Grader] = {
    "arithmetic": arithmetic.grade,
    "checkmate": checkmate.grade,
    "choice": choice.grade,
    "exact": generic.exact,
    "game24": game24.grade,
    SCHEMA: generic.schema,
    "numeric": numeric.grade,
    "regex": generic.pattern,
    "sorting": sorting.grade,
}
BY_CATEGORY: Mapping[str, str] = {
    "CheckmateInOne": "checkmate",
    "GameOf24": "game24",
    "P3_Test": PUZZLE,
    "geometric_shapes": "choice",
    "multistep_arithmetic_two": "arithmetic",
    "word_sorting": "sorting",
}
"""Of published sets of tasks, whose rows name no grader."""


_PROBES = ("?", "0")
"""Answers that get as far as a grader can go: no value at all, and one that is a number and JSON."""
_STATED = frozenset({"choice", "exact", "numeric", SCHEMA})
"""Graders by which a task's own target must be right."""


class UnknownGrader(Exception):
    """There is no grader of that name; says which there are."""


def grader_of(task: GradedTask) -> str:
    """Return the name of the grader of a task: its own, its category's, or by its fields.

    Raises:
        UnknownGrader: If the task names one that there is not.
    """
    name = task.grader or BY_CATEGORY.get(task.category) or _fallback(task)
    if name not in {PUZZLE, PROGRAM} and name not in PURE:
        known = ", ".join(sorted((*PURE, PUZZLE, PROGRAM)))
        raise UnknownGrader(f"task {task.id}: there is no grader {name!r}; there are {known}")
    return name


def _fallback(task: GradedTask) -> str:
    if task.fields.get("schema"):
        return SCHEMA
    if task.fields.get("tests"):
        return PROGRAM
    if task.fields.get("options"):
        return "choice"
    return "exact" if numeric.number_in(task.target) is None else "numeric"


@dataclass(frozen=True, slots=True)
class Grading:
    """Grades what was said to a task.

    Args:
        sandbox: Runs puzzles and programs; give it their time and memory (:mod:`.puzzle`).
    """

    sandbox: Interpreter

    async def grade(self, said: str, task: GradedTask) -> Grade:
        """Grade the final answer in what was said.

        Raises:
            UnknownGrader: If the task names a grader that there is not.
            ValueError: If the task is not one that its grader can read.
        """
        name = grader_of(task)
        answer = written_code(said) if name == PROGRAM else final_answer(said)
        if name == SCHEMA and (whole := PURE[SCHEMA](bare(written_code(said)), task)).right:
            return whole  # what is marked as an answer inside of JSON is none
        if not answer:
            return wrong("there is no answer")
        if name == PROGRAM:
            return await ProgramGrader(self.sandbox).grade(answer, task)
        if name == PUZZLE:
            return await PuzzleGrader(self.sandbox).grade(answer, task)
        return PURE[name](answer, task)

    async def check(self, task: GradedTask) -> None:
        """Try a task before anybody is asked: can its grader read it, and is its own target right?

        Raises:
            UnknownGrader: If the task names a grader that there is not.
            ValueError: Saying why no answer could be graded.
        """
        name = grader_of(task)
        if name == PROGRAM:
            tests_of(task)  # to run them, there must be a program
            return
        if name in {"exact", "regex"} and not task.target.strip():
            raise ValueError(f"grader {name!r} needs a target")
        for probe in _PROBES[:1] if name == PUZZLE else _PROBES:
            await self.grade(probe, task)
        if name in _STATED and task.target.strip():
            own = await self.grade(task.target if name == SCHEMA else _marked(task.target), task)
            if own.right is False:
                problem = f"the target {task.target[:80]!r} is itself not right by grader {name!r}"
                raise ValueError(f"{problem}: {own.reason}")


def _marked(answer: str) -> str:
    return f"FINAL ANSWER: {answer}"
