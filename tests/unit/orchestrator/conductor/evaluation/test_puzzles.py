"""Programming puzzles: constructed answers, near misses, and answers that cheat."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from experts.providers.interpreter import Interpreter, Limits
from orchestrator.conductor.code import Sandbox
from orchestrator.conductor.evaluation.graders import Grading
from orchestrator.conductor.evaluation.graders.puzzle import (
    NotAnExpression,
    expression_in,
    puzzle_in,
)
from orchestrator.conductor.evaluation.graders.rewriting import rewritten
from orchestrator.conductor.evaluation.tasks import GradedTask

from .conftest import task

COUNT = "def sat(s: str):\n    return s.count('o') == 1000 and s.count('oo') == 0"
LIST = "def sat(li: List[int], n=3):\n    assert len(li) == n, 'length'\n    return all(li)"


def puzzle(source: str) -> GradedTask:
    return task(source, "", "P3_Test")


def constructed(puzzles: list[GradedTask]) -> list[str | None]:
    """Return an answer to each puzzle that CPython says is right, where one is found."""
    done = subprocess.run(
        [sys.executable, "-I", str(Path(__file__).with_name("puzzle_answers.py"))],
        input=json.dumps([each.prompt for each in puzzles]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: list[str | None] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(180)
async def test_constructed_answers_are_right(published: list[GradedTask], grading: Grading) -> None:
    puzzles = [each for each in published if each.category == "P3_Test"]
    assert len(puzzles) == 389
    answers = await asyncio.to_thread(constructed, puzzles)
    found = [(each, answer) for each, answer in zip(puzzles, answers, strict=True) if answer]
    assert len(found) > 150
    for each, answer in found:
        grade = await grading.grade(f"I tried.\nFINAL ANSWER:\n```python\n{answer}\n```", each)
        assert grade.right is True, (each.prompt, answer[:200], grade.reason)
        grade = await grading.grade(f"FINAL ANSWER: {answer} works", each)
        assert grade.right is False, (each.prompt, answer[:200])


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        (COUNT, "'ho' * 1000"),
        (COUNT, "s = 'ho' * 1000"),
        (COUNT, "sat('ho' * 1000)"),
        (COUNT, "''.join(\n  'ho' for _ in range(1000)\n)"),
        (LIST, "[1, 2, 3]"),
        (LIST, "sorted([3, 1, 2], key=lambda x: -x)"),
        ("def sat(n: int):\n    return n == 10 ** 5000", "10 ** 5000"),
        ("def sat(n: int):\n    return n > 10 ** 4999", "9" * 5001),
        ("def sat(x: float):\n    return x == 2", "2"),
        ("def sat(d: dict):\n    return d['a'] == (1,)", "{'a': (1,)}"),
        ("Find an input:\n```python\nimport math\n" + LIST + "\n```", "[1, 1, 1]"),
        ("from math import sqrt\ndef sat(n: int):\n    return sqrt(n) == 4", "16"),
        ("def sat(n: int):\n    return (n ** 0.5).is_integer() and n > 5", "9"),
        ("def sat(li: List[int]):\n    return len(li) == 80_000", str([7] * 80_000)),
        ("def sat(li: List[str]):\n    return ''.join(li) == '\\n#\\'\"'", '["\\n#", "\'\\""]'),
    ],
)
async def test_right_answers(grading: Grading, source: str, answer: str) -> None:
    grade = await grading.grade(f"FINAL ANSWER:\n{answer}", puzzle(source))
    assert grade.right is True, grade.reason


@pytest.mark.parametrize(
    ("source", "answer", "reason"),
    [
        (COUNT, "'o' * 1000", "sat(answer) is not true"),
        (COUNT, "'ho' * 1000 is the answer", "not one Python expression"),
        (COUNT, "'ho' * 1000\n'ho' * 1000", "not one Python expression"),
        (COUNT, "ho ho ho", "not one Python expression"),
        (COUNT, "[1]", "another type"),
        (LIST, "[1, 2]", "sat failed: assert 2 == 3"),
        (LIST, "[1, 0, 2]", "not true"),
        (LIST, "(1, 2, 3)", "another type"),
        (LIST, "[True, True, True]", "another type"),
        (LIST, "[1, 2, '3']", "another type"),
        (LIST, "[1, 2, 1 / 0]", "the answer failed"),
        ("def sat(n: int):\n    return n", "1", "not true"),
        ("def sat(n: int):\n    return 'yes'", "1", "not true"),
        ("def sat(n: int):\n    return [][n]", "1", "sat failed: IndexError"),
        # cheating
        (COUNT, "(sat := lambda s: True)", "does more than come to a value"),
        (COUNT, "[len := max, 'a'][1]", "does more than come to a value"),
        (COUNT, "sat(sat)", "uses sat"),
        (COUNT, "exec('sat = lambda s: True')", "uses exec"),
        (COUNT, "eval('1')", "uses eval"),
        (COUNT, "__import__('os').environ", "uses __import__"),
        (COUNT, "().__class__.__mro__", "uses __"),
        (COUNT, "open('/etc/passwd').read()", "uses open"),
        (COUNT, "globals()", "uses globals"),
        (COUNT, "'x'); print('right'); (", "not one Python expression"),
        (COUNT, "'x' # \n) or True or (", "not one Python expression"),
        (COUNT, "print('0123456789abcdef right')", "another type"),
        (COUNT, "print", "another type"),
        (COUNT, "lambda: 1", "another type"),
        (COUNT, "yield 1", "not one Python expression"),
        (COUNT, "await x", "does more"),
        (COUNT, "(" * 50_000 + "1" + ")" * 50_000, "not one Python expression"),
        (COUNT, "-" * 20_000 + "1", "not one Python expression"),
        (COUNT, "'x' * 10 ** 12", "the answer failed"),
        (COUNT, "9 ** 9 ** 9", "the answer failed"),
        (COUNT, "'" + "x" * 1_000_001 + "'", "longer than"),
        (COUNT, "nonsense", "the answer failed"),
    ],
)
async def test_near_misses_and_tricks(
    grading: Grading, source: str, answer: str, reason: str
) -> None:
    grade = await grading.grade(f"FINAL ANSWER:\n{answer}", puzzle(source))
    assert grade.right is False, grade
    assert reason in grade.reason


@pytest.mark.parametrize(
    ("source", "answer", "lacks"),
    [
        ("def sat(n: int):\n    import statistics\n    return n == 1", "1", "module statistics"),
        ("def sat(n: int):\n    yield n", "1", "does not yet support yield"),
        ("def sat(n: float):\n    return n.as_integer_ratio() == (1, 2)", "0.5", "float.as_int"),
        ("def sat(n: int):\n    return memoryview(b'a')[0] == n", "97", "memoryview"),
        (COUNT, "str.join('', ['ho'] * 1000)", "str.join"),
    ],
)
async def test_what_the_sandbox_lacks_is_not_wrong(
    grading: Grading, source: str, answer: str, lacks: str
) -> None:
    grade = await grading.grade(answer, puzzle(source))
    assert grade.right is None, grade
    assert lacks in grade.reason


async def test_a_check_that_never_ends_is_stopped() -> None:
    interpreter = Interpreter(Limits(seconds=0.5), workers=1)
    grading = Grading(Sandbox(interpreter))
    endless = puzzle("def sat(n: int):\n    while n:\n        pass\n    return True")
    assert (await grading.grade("0", endless)).right is True
    grade = await grading.grade("1", endless)
    assert grade.right is False
    assert "sat failed" in grade.reason
    await interpreter.aclose()


async def test_a_prompt_without_a_puzzle_is_no_wrong_answer(grading: Grading) -> None:
    with pytest.raises(ValueError, match="no function 'sat'"):
        await grading.grade("1", puzzle("def what(n: int): return n"))


def test_code_is_taken_out_of_the_prompt() -> None:
    assert puzzle_in(f"Solve:\n\n{LIST}") == LIST
    assert puzzle_in(f"```\nx = 1\n```\n```py\n{LIST}\n```\nGo.") == f"{LIST}\n"


def test_only_what_is_listed_is_rewritten() -> None:
    assert rewritten(COUNT) == COUNT
    assert "n ** 0.5 % 1 == 0" in rewritten("def sat(n):\n    return (n ** 0.5).is_integer()")
    broken = "def sat(n:\n x.is_integer()"
    assert rewritten(broken) == broken


def test_expressions() -> None:
    assert expression_in("x == 1") == "x == 1", "a comparison is no assignment"
    assert expression_in("sat([1])") == "[1]"
    with pytest.raises(NotAnExpression, match="calls sat with other"):
        expression_in("sat(1, 2)")
