"""What an answer comes to: two that a grader cannot tell apart come to the same."""

from __future__ import annotations

from orchestrator.conductor.evaluation.final import final_answer
from orchestrator.conductor.evaluation.graders import Grade, grader_of
from orchestrator.conductor.evaluation.graders.choice import chosen, options_of
from orchestrator.conductor.evaluation.graders.generic import plain
from orchestrator.conductor.evaluation.graders.numeric import number_in
from orchestrator.conductor.evaluation.tasks import GradedTask


def comes_to(said: str, task: GradedTask, grade: Grade | None = None) -> str:
    """Return what was said in a form in which "B" and "(B) red" are the same, and "4" and "4.0".

    Args:
        said: The answer.
        task: The prompt, one that has a grader.
        grade: Of the answer. Where the answer is a program, or whatever else can be written in many ways,
            only whether it is right is compared.
    """
    final = final_answer(said)
    name = grader_of(task)
    if name == "choice":
        return chosen(final, options_of(task)) or plain(final)
    if name in {"numeric", "arithmetic"}:
        number = number_in(final)
        return plain(final) if number is None else str(number)
    if name != "exact" and grade is not None:
        return str(grade.right)
    return plain(final)
