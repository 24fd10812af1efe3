from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from experts.providers.advice import MODULES, missing
from experts.providers.executable import Snippet
from experts.providers.interpreter import Interpreter


@pytest.fixture(scope="module")
async def interpreter() -> AsyncIterator[Interpreter]:
    interpreter = Interpreter()
    yield interpreter
    await interpreter.aclose()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print(f'{3.14159:.2f} {1000000:,} {5:03d} {0.5:.1%} {\"a\":>3}')", "3.14 1,000,000 005"),
        ("print(sum(i * i for i in range(10)))", "285"),
        ("print(sorted({1, 2} | {3}), {k: v for k, v in zip('ab', [1, 2])})", "[1, 2, 3] {'a': 1"),
        ("print(sorted(['bb', 'a'], key=len, reverse=True))", "['bb', 'a']"),
        ("class A:\n    def __init__(self, x):\n        self.x = x\nprint(A(3).x)", "3"),
        ("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    print(e)", "division by zero"),
        ("import itertools\nprint(list(itertools.combinations('abc', 2))[0])", "('a', 'b')"),
        ("if (n := 5) > 3: print(n)", "5"),
        ("match 3:\n    case 3: print('three')", "three"),
        ("from functools import lru_cache\n@lru_cache\ndef f(n): return n\nprint(f(2))", "2"),
        ("async def f(): return 3\nprint(await f())", "3"),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nP(1)", "P(x=1)"),
        ("class A: pass\nA()", "<A object"),
        ("'it''s'", "its"),
        ("print('a', end='')\n1 + 1", "a\n2"),
        ("x = 1; x + 1; # said", "2"),
        ("(1 +\n 2)", "3"),
        ("'é' + 'ü'  # letters of two bytes\n", "éü"),
    ],
)
async def test_what_models_write_runs(interpreter: Interpreter, code: str, said: str) -> None:
    assert (await interpreter.run(Snippet(code))).startswith(said)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def g():\n    yield 1\nprint(list(g()))", "build a list and return it"),
        ("class E(Exception): pass", "such as ValueError"),
        ("from enum import Enum\nclass C(Enum):\n    A = 1", "write a plain class"),
        ("class A:\n    @property\n    def x(self): return 1", "write a plain method"),
        ("x = [1]\ndel x[0]", "use pop()"),
        ("from math import *", "import by name"),
        ("from fractions import Fraction", "math.gcd"),
        ("import heapq", "bisect.insort"),
        ("import statistics", "sum(), len()"),
        ("import string", "abcdefghijklm"),
        ("import numpy as np", "use lists, loops"),
        ("import scipy.optimize", "write the method itself"),
        ("import sympy", "try values in a loop"),
        ("import nobody_has_this", "write what you need of it yourself"),
        ("from collections import OrderedDict", "a dictionary keeps its order"),
        ("from functools import cmp_to_key", "sort by a key function"),
        ("from collections import Nothing", "'Nothing' is not in the module collections"),
        ("x = input('n? ')", "put the values into the program"),
        ("import sys\nx = sys.stdin.read()", "put the values into the program"),
        ("import sys\nsys.exit(0)", "run to its end"),
        ("exit()", "run to its end"),
        ("import sys\nsys.setrecursionlimit(9999)", "leave it out"),
        ("import sys\nsys.stdout.write('x')", "use print"),
        ("(5).bit_length()", "len(bin(abs(n))) - 2"),
        ("print(2**20000)", "n % 10**9"),
        ("pow(3, -1, 7)", "extended Euclidean"),
        ("def f(n): return f(n)\nf(1)", "use a loop"),
        ("raise ValueError(3, 4)", "with one text"),
        ("class V: pass\nsorted([V(), V()])", "key=lambda"),
    ],
)
async def test_what_is_missing_is_told_with_what_to_do(
    interpreter: Interpreter, code: str, said: str
) -> None:
    first = (await interpreter.run(Snippet(code))).splitlines()[0]
    assert said in first


@pytest.mark.parametrize("name", MODULES.split(", "))
async def test_the_modules_named_are_there(interpreter: Interpreter, name: str) -> None:
    assert "printed nothing" in await interpreter.run(Snippet(f"import {name}"))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("ValueError", "mine"),
        ("NotImplementedError", ""),
        ("NameError", "name 'foo' is not defined"),
        ("AttributeError", "'int' object has no attribute 'foo'"),
        ("ImportError", "mine"),
    ],
)
def test_an_error_like_any_other_needs_no_advice(kind: str, message: str) -> None:
    assert missing(kind, message) == ""


async def test_an_error_shows_where(interpreter: Interpreter) -> None:
    answer = await interpreter.run(Snippet("x = 1\n\nx + undefined"))
    assert "line 3" in answer
    assert "NameError: name 'undefined'" in answer
