"""Game of 24: each given number once, ``+ - * /`` and parentheses, exactly the target."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from fractions import Fraction

from orchestrator.conductor.evaluation.graders.grade import RIGHT, Grade, wrong
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.conductor.rational import NotArithmetic, evaluate

_NUMBERS = re.compile(r"(?:[^\n:]*:)?[ \t]*([0-9]+(?:[ \t]*[, \t][ \t]*[0-9]+)+)[ \t.]*")


def grade(answer: str, task: GradedTask) -> Grade:
    """Grade an expression such as ``(1 + 2 * 4) * 7``; ``= 24`` may follow it.

    The numbers are those of the prompt's last line that is a list of numbers, or of the field
    ``numbers``. A target may be a JSON list of values that are all right.

    Raises:
        ValueError: If the task names no numbers or no value.
    """
    given, values = numbers_of(task), _values(task.target)
    expression, equals, result = answer.partition("=")
    try:
        found = evaluate(expression)
        claimed = evaluate(result, signs=True).value if equals else found.value
    except NotArithmetic as error:
        return wrong(f"the expression {error}")
    if sorted(found.numbers) != sorted(given):
        used, needed = _listed(found.numbers), _listed(given)
        return wrong(f"it uses {used}, where it should use {needed}, each exactly once")
    if found.value not in values:
        return wrong(f"it comes to {found.value}")
    if claimed != found.value:
        return wrong(f"it comes to {found.value}, not to {claimed}")
    return RIGHT


def numbers_of(task: GradedTask) -> tuple[int, ...]:
    """Return the numbers that are to be used.

    Raises:
        ValueError: If the task names none.
    """
    stated = task.fields.get("numbers")
    if isinstance(stated, list):
        return tuple(int(number) for number in stated)
    for line in reversed(task.prompt.splitlines()):
        found = _NUMBERS.fullmatch(line)
        if found:
            return tuple(int(number) for number in re.split(r"[ \t,]+", found[1]))
    raise ValueError("the task names no numbers")


def _values(target: str) -> set[Fraction]:
    """Read the target: a value, an expression of that value, or a JSON list of such."""
    target = target.strip()
    try:
        listed = json.loads(target) if target.startswith("[") else [target]
        return {evaluate(str(each), signs=True).value for each in listed}
    except (ValueError, NotArithmetic) as error:
        raise ValueError(f"the target {target!r} is no value") from error


def _listed(numbers: Iterable[int]) -> str:
    return " ".join(map(str, sorted(numbers))) or "no numbers"
