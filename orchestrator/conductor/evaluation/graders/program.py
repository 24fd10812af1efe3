"""Programs: what was written passes the task's tests, told in the sandbox.

The tests are the task's field ``tests``: Python that raises where the program is wrong, such as ``assert``
lines. They run after the program, and the verdict is printed beside a word that was drawn after the answer
was given, by a ``print`` that was put aside before the program could replace it.
"""

from __future__ import annotations

import ast
import secrets
from dataclasses import dataclass

from orchestrator.conductor.evaluation.graders.grade import RIGHT, Grade, ungradeable, wrong
from orchestrator.conductor.evaluation.graders.sandboxed import lacking
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.conductor.ports import Interpreter

_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class ProgramGrader:
    """Grades programs.

    Args:
        sandbox: Runs them.
    """

    sandbox: Interpreter

    async def grade(self, program: str, task: GradedTask) -> Grade:
        """Grade a program. What the sandbox lacks makes it ungradeable, not wrong.

        Raises:
            ValueError: If the task has no tests, or they are not Python.
        """
        tests = tests_of(task)
        if len(program) > _LONGEST:
            return wrong(f"it is longer than {_LONGEST} characters")
        word = secrets.token_hex(8)
        tell = f"coe_tell_{word}"
        begun, done = f"{tell}('{word} begun')", f"{tell}('{word} passed')"
        said = await self.sandbox.run("\n".join((f"{tell} = print", program, begun, tests, done)))
        lines = said.strip().splitlines() or [""]
        if lines[-1] == f"{word} passed":
            return RIGHT
        reason = lines[-1][:200]
        missing = lacking(reason)
        if missing:
            return ungradeable(f"the sandbox lacks {missing}")
        return wrong(f"{'a test' if f'{word} begun' in lines else 'the program'} failed: {reason}")


def tests_of(task: GradedTask) -> str:
    """Return the tests of a task.

    Raises:
        ValueError: If it has none, or they are not Python.
    """
    tests = task.fields.get("tests")
    if not isinstance(tests, str) or not tests.strip():
        raise ValueError("the task has no field 'tests', Python that raises where it is wrong")
    try:
        ast.parse(tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"the tests are not Python: {error}") from error
    return tests
