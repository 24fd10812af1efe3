"""Programming puzzles (arXiv 2106.05784): is ``sat(answer)`` true? Told in the sandbox.

The answer is one Python expression. It is parsed here, never run here; in the sandbox it is worked
out before ``sat`` exists, so that it can replace neither ``sat`` nor anything ``sat`` uses. The
verdict is printed beside a word that was drawn after the answer was given.
"""

from __future__ import annotations

import ast
import json
import re
import secrets
import sys
import warnings
from dataclasses import dataclass

from orchestrator.conductor.evaluation.graders.grade import RIGHT, Grade, ungradeable, wrong
from orchestrator.conductor.evaluation.graders.rewriting import rewritten
from orchestrator.conductor.evaluation.graders.sandboxed import HIDDEN, lacking
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.conductor.ports import Interpreter

SECONDS = 10.0
"""That the sandbox should give a puzzle: it is slower than the interpreter puzzles were made for."""
MEGABYTES = 256
_LONGEST = 1_000_000
_LONG = 50_000
_MOST_DIGITS = 4000
"""Of a number the sandbox reads in decimal."""
_LOADS = "coe_loads"
_SIGNATURE = re.compile(r"def\s+sat\s*\(\s*(\w+)\s*(?::\s*([\w\[\], ]+?))?\s*[,)=]")
_ASSIGNED = re.compile(r"[A-Za-z]\w*[ \t]*=(?!=)")
_ERROR = re.compile(r"^(\w+(?:Error|Exception|Iteration|Interrupt)?)(?:: (.*))?$")
_TYPES = frozenset({"int", "float", "str", "bool"})


class NotAnExpression(Exception):
    """The answer is not one Python expression that may be run; says why."""


@dataclass(frozen=True, slots=True)
class PuzzleGrader:
    """Grades answers to puzzles.

    Args:
        sandbox: Runs them.
    """

    sandbox: Interpreter

    async def grade(self, answer: str, task: GradedTask) -> Grade:
        """Grade an expression. What the sandbox lacks makes an answer ungradeable, not wrong.

        Raises:
            ValueError: If the prompt holds no ``sat``.
        """
        signature = _SIGNATURE.search(task.prompt)
        if signature is None:
            raise ValueError("the prompt defines no function 'sat'")
        try:
            expression = expression_in(answer)
        except NotAnExpression as error:
            return wrong(f"the answer {error}")
        word = secrets.token_hex(8)
        source = rewritten(puzzle_in(task.prompt))
        said = await self.sandbox.run(_program(expression, signature[2] or "", source, word))
        return _read(said, word) or await self._explained(said, word, source)

    async def _explained(self, said: str, word: str, source: str) -> Grade:
        """Say why there is no verdict: the answer's fault, the puzzle's verdict, or the sandbox's."""
        reason = said.strip().splitlines()[-1][:200] if said.strip() else "nothing was said"
        if "not valid Python" in said and not _accepted(await self.sandbox.run(source)):
            return ungradeable(f"the sandbox does not know the puzzle's Python: {reason}")
        missing = lacking(reason)
        if missing:
            return ungradeable(f"the sandbox lacks {missing}")
        return wrong(f"{'sat' if f'{word} answered' in said else 'the answer'} failed: {reason}")


def puzzle_in(prompt: str) -> str:
    """Return the code of a puzzle: the fenced block that defines ``sat``, or from ``def`` on."""
    fenced = re.findall(r"```[^\n`]*\n(.*?)```", prompt, re.DOTALL)
    for block in fenced:
        if _SIGNATURE.search(block):
            return str(block)
    found = _SIGNATURE.search(prompt)
    before = prompt[: found.start()] if found else ""
    imports = [line for line in before.splitlines() if re.match(r"(?:from|import)\s", line)]
    return "\n".join((*imports, prompt[len(before) :]))


def expression_in(answer: str) -> str:
    """Return the Python expression that an answer is; a name may be assigned, ``sat`` called with it.

    Raises:
        NotAnExpression: If it is anything else, or could change what it is measured by.
    """
    text = answer.strip()
    if len(text) > _LONGEST:
        raise NotAnExpression(f"is longer than {_LONGEST} characters")
    assigned = _ASSIGNED.match(text)
    text = text[assigned.end() :].strip() if assigned else text
    body = _parsed(text).body
    if isinstance(body, ast.Call) and isinstance(body.func, ast.Name) and body.func.id == "sat":
        if len(body.args) != 1 or body.keywords:
            raise NotAnExpression("calls sat with other than one value")
        text, body = ast.get_source_segment(text, body.args[0]) or "", body.args[0]
    for node in ast.walk(body):
        _check(node)
    if isinstance(body, ast.Constant) and type(body.value) is int and len(text) > _MOST_DIGITS:
        return hex(body.value)
    return _as_json(text)


def _as_json(text: str) -> str:
    """Write a very long literal as JSON in a text; as a list it would be too large for the sandbox."""
    if len(text) <= _LONG:
        return text
    try:
        value = ast.literal_eval(text)
        written = json.dumps(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return text
    same = json.loads(written) == value  # a tuple, a set or a number as key would not come back
    return f"{_LOADS}({written!r})" if same else text


def _parsed(text: str) -> ast.Expression:
    limit = sys.get_int_max_str_digits()
    try:
        sys.set_int_max_str_digits(
            0
        )  # puzzles have numbers of any length; reading is bounded above
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotAnExpression("is not one Python expression") from error
    finally:
        sys.set_int_max_str_digits(limit)


def _check(node: ast.AST) -> None:
    if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
        raise NotAnExpression("does more than come to a value")
    name = node.id if isinstance(node, ast.Name) else ""
    name = node.attr if isinstance(node, ast.Attribute) else name
    hidden = name.startswith("__") or (isinstance(node, ast.Attribute) and name.startswith("_"))
    if hidden or name in HIDDEN or name in {"eval", "exec", "sat"}:
        raise NotAnExpression(f"uses {name}")


def _program(expression: str, annotation: str, source: str, word: str) -> str:
    fits = _type_check("coe_answer", annotation.replace(" ", ""))
    return "\n".join(
        (
            f"from json import loads as {_LOADS}",
            f"coe_answer = (\n{expression}\n)",
            f"coe_fits = {fits}",
            f"print('{word} answered')",
            source,
            "coe_found = coe_fits and sat(coe_answer)",
            f"print('{word} ' + ('right' if coe_found is True else 'false' if coe_fits else 'type'))",
        )
    )


def _type_check(value: str, annotation: str, depth: int = 0) -> str:
    """Return code that tells whether a value has the type a puzzle asks for."""
    if annotation == "float":
        return f"(type({value}) is float or type({value}) is int)"
    if annotation in _TYPES:
        return f"(type({value}) is {annotation})"
    listed = re.fullmatch(r"(?:List|list)(?:\[(.+)\])?", annotation)
    if listed:
        item = f"coe_item_{depth}"
        inner = _type_check(item, listed[1] or "", depth + 1)
        return f"(type({value}) is list and all([{inner} for {item} in {value}]))"
    return "True"


def _read(said: str, word: str) -> Grade | None:
    last = said.strip().splitlines()[-1:] or [""]
    if last[0] == f"{word} right":
        return RIGHT
    if last[0] == f"{word} false":
        return wrong("sat(answer) is not true")
    if last[0] == f"{word} type":
        return wrong("the answer is of another type than the puzzle asks for")
    return None


def _accepted(said: str) -> bool:
    return "not valid Python" not in said
