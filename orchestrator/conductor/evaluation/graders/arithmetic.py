"""Arithmetic in several steps: the exact number, which may follow the expression and an ``=``."""

from __future__ import annotations

from orchestrator.conductor.evaluation.graders import numeric
from orchestrator.conductor.evaluation.graders.grade import Grade
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.conductor.rational import NotArithmetic, evaluate


def grade(answer: str, task: GradedTask) -> Grade:
    """Grade a number; the task's own expression and ``=`` may stand before it, nothing else."""
    before, equals, result = answer.rpartition("=")
    if equals and (not before.strip() or _same(before, task.prompt)):
        answer = result
    return numeric.grade(answer, task)


def _same(expression: str, prompt: str) -> bool:
    """Tell whether an expression is the one asked about, spaces aside."""
    try:
        evaluate(expression, signs=True)
    except NotArithmetic:
        return False
    return "".join(expression.split()) in "".join(prompt.split())
