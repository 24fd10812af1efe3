"""Programs: what was written passes the task's tests, told in the sandbox.

The tests are the task's field ``tests``: Python that raises where the program is wrong, such as ``assert``
lines. They run after the program, and the verdict is printed beside a word that was drawn after the answer
was given.
"""

from __future__ import annotations

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
            ValueError: If the task has no tests.
        """
        tests = task.fields.get("tests")
        if not isinstance(tests, str) or not tests.strip():
            raise ValueError("the task has no field 'tests', Python that raises where it is wrong")
        if len(program) > _LONGEST:
            return wrong(f"it is longer than {_LONGEST} characters")
        word = secrets.token_hex(8)
        begun, done = f"print('{word} begun')", f"print('{word} passed')"
        said = await self.sandbox.run("\n".join((program, begun, tests, done)))
        lines = said.strip().splitlines() or [""]
        if lines[-1] == f"{word} passed":
            return RIGHT
        reason = lines[-1][:200]
        missing = lacking(reason)
        if missing:
            return ungradeable(f"the sandbox lacks {missing}")
        return wrong(f"{'a test' if f'{word} begun' in lines else 'the program'} failed: {reason}")
