"""Graders, one module a kind; :class:`Grading` finds the one for a task.

A new grader is a function ``(answer, task) -> Grade`` and its entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.conductor.evaluation.final import final_answer, written_code
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
from orchestrator.conductor.evaluation.graders.program import ProgramGrader
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

PUZZLE, PROGRAM = "puzzle", "program"
"""The graders that need a sandbox."""
PURE: Mapping[str, Grader] = {
    "arithmetic": arithmetic.grade,
    "checkmate": checkmate.grade,
    "choice": choice.grade,
    "exact": generic.exact,
    "game24": game24.grade,
    "json-schema": generic.schema,
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
        return "json-schema"
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
        if not answer:
            return wrong("there is no answer")
        if name == PROGRAM:
            return await ProgramGrader(self.sandbox).grade(answer, task)
        if name == PUZZLE:
            return await PuzzleGrader(self.sandbox).grade(answer, task)
        return PURE[name](answer, task)
