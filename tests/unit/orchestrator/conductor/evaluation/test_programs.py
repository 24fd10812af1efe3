"""Programs, graded by their tests in the sandbox."""

from __future__ import annotations

import pytest

from orchestrator.conductor.evaluation.graders import Grading, grader_of
from orchestrator.conductor.evaluation.tasks import GradedTask

TASK = GradedTask("d", "code", "Write double(x).", fields={"tests": "assert double(4) == 8"})


@pytest.mark.parametrize(
    ("said", "right", "reason"),
    [
        ("So:\n```python\ndef double(x):\n    return 2 * x\n```\nThe answer is above.", True, ""),
        ("def double(x):\n    return x + x", True, ""),
        ("```\ndef double(x):\n    return 3 * x\n```", False, "a test failed"),
        ("```\ndef double(x:\n```", False, "the program failed"),
        ("```\nimport socket\ndef double(x): return 2 * x\n```", None, "the sandbox lacks module"),
        ("```\nimport nowhere\n```", False, "the program failed"),
        ("```\nprint('all tests passed')\n```", False, "a test failed"),
        (
            "```\ndef double(x): return 3 * x\nprint('all tests passed')\n```",
            False,
            "a test failed",
        ),
        ("", False, "there is no answer"),
    ],
)
async def test_a_program_passes_its_tests(
    grading: Grading, said: str, right: bool | None, reason: str
) -> None:
    found = await grading.grade(said, TASK)
    assert found.right is right, found
    assert reason in found.reason


async def test_what_a_program_makes_of_print_is_not_believed(grading: Grading) -> None:
    """It hears the word that marks the verdict, and says that word itself in its last breath."""
    program = """
heard = []
real = print
def print(word):
    heard.append(word)
    real(word)
def double(x):
    raise ValueError("\\n" + heard[0].replace("begun", "passed"))
"""
    found = await grading.grade(f"```python{program}```", TASK)
    assert found.right is False, found
    assert "list index out of range" in found.reason, "it has heard nothing"


async def test_tests_are_needed(grading: Grading) -> None:
    assert grader_of(TASK) == "program"
    with pytest.raises(ValueError, match="no field 'tests'"):
        await grading.grade("x = 1", GradedTask("d", "code", "p", grader="program"))
