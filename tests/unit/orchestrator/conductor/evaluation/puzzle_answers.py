"""Constructs answers to programming puzzles by trying, with the interpreter they were made for.

Run as a program in a process of its own: reads puzzles as JSON from standard input and writes, for
each, an answer that CPython says is right, or null. Tests hold the sandboxed grader to them.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

MOST = 3000
SECONDS = 0.1
WRONG_KIND = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def numbers(constants: list[Any]) -> Iterator[int]:
    seen = [value for value in flat(constants) if type(value) is int]
    for value in seen:
        yield from (value, value + 1, value - 1, -value, value * 2, value // 2, value**2)
    for constant in constants:
        if isinstance(constant, list | str):
            yield len(constant)
    for one, other in itertools.permutations(seen[:8], 2):
        yield from (one + other, one - other, one * other)
        if other:
            yield from (one // other, one % other)
    if seen:
        yield sum(seen)
    yield from range(1500)
    yield from (10**power + offset for power in range(2, 12) for offset in range(-130, 131))


def texts(constants: list[Any]) -> Iterator[str]:
    seen = [value for value in flat(constants) if isinstance(value, str)]
    for text in ["", *seen]:
        words = text.split()
        yield from (text, text[::-1], text.lower(), text.upper(), text.title(), text.swapcase())
        yield from ("".join(sorted(text)), " ".join(sorted(words)), " ".join(words), text.strip())
        yield from (*words, *text, text + text[::-1], text.replace(" ", ""), text.replace(" ", "_"))
        yield from (text[start:] for start in range(1, min(len(text), 40)))
        yield from (text[:end] for end in range(1, min(len(text), 40)))
    yield from ("".join(pair) for pair in itertools.permutations(seen[:6], 2))
    for value in flat(constants):
        if type(value) is int:
            yield from (str(value), bin(value), f"{value:b}", "a" * (abs(value) % 5000))
            yield from (
                "ab" * (abs(value) % 2000),
                " ".join(map(str, range(abs(value) % 30000 + 1))),
            )
    yield from ("".join(letters) for letters in itertools.product("abc", repeat=4))


def lists_of_numbers(constants: list[Any]) -> Iterator[list[Any]]:
    yield from ([], [0], [1], [0, 0], [1, 1])
    for constant in [value for value in constants if isinstance(value, list)]:
        whole = [value for value in constant if isinstance(value, int | float)]
        yield from (
            whole,
            sorted(whole),
            sorted(whole, reverse=True),
            whole[::-1],
            sorted(set(whole)),
        )
        yield from (
            [value % 2 for value in whole],
            whole[::2],
            whole[1::2],
            sorted(map(abs, whole)),
        )
        yield from (whole[:end] for end in range(len(whole)))
        yield from ([v for v in whole if keep(v)] for keep in (even, odd, positive, negative))
        yield list(itertools.accumulate(whole, max))
        yield list(itertools.accumulate(whole))
        if all(isinstance(value, str | list) for value in constant):
            yield [len(value) for value in constant]
        yield from of_each(constant)
    for one, other in itertools.permutations([v for v in constants if isinstance(v, list)], 2):
        yield from of_two(one, other)
    for value in flat(constants):
        if type(value) is int and 0 <= value < 30000:
            yield from (list(range(value)), list(range(value + 1)), list(range(1, value + 1)))
            yield from ([value], [0] * value, [1] * value, [value] * value)
            yield [count * (count - 1) // 2 for count in range(value + 1)]
            yield list(range(value, 3 * value, 2))
    pool = sorted({v for v in flat(constants) if type(v) is int and abs(v) < 10**6})[:9]
    for length in (1, 2, 3):
        yield from map(list, itertools.product([*pool, *range(4)], repeat=length))


def of_each(values: list[Any]) -> Iterator[list[int]]:
    for function in (
        *(even, odd, positive, negative, palindrome),
        *(lambda v: len(str(v)), lambda v: values.index(v), lambda v: values.count(v)),
        *(lambda v: sum(int(digit) for digit in str(abs(v))), lambda v: int(v), lambda v: v**2),
        *(
            lambda v: len(v.split()),
            lambda v: len(set(v)),
            lambda v: sum(map(ord, v)),
            max,
            min,
            sum,
        ),
    ):
        try:
            found = [int(function(value)) for value in values]
        except (TypeError, ValueError, AttributeError):
            continue
        yield from (found, [place for place, value in enumerate(found) if value], [sum(found)])
        yield sorted(range(len(found)), key=found.__getitem__)
        yield from ([place] for place, value in enumerate(found) if value)


def of_two(one: list[Any], other: list[Any]) -> Iterator[list[Any]]:
    try:
        yield [a + b for a, b in zip(one, other, strict=False)]
        yield [b - a for a, b in zip(one, other, strict=False)]
        yield [abs(b - a) for a, b in zip(one, other, strict=False)]
    except TypeError:
        return
    yield from (one + other, sorted(one + other), sorted(set(one) & set(other)))
    yield from ([v for v in one if v in other], [v for v in one if v not in other])
    yield [place for place, value in enumerate(one) if value in other]


def lists_of_texts(constants: list[Any]) -> Iterator[list[str]]:
    yield []
    for text in [value for value in flat(constants) if isinstance(value, str)]:
        yield from (text.split(), text.split(","), list(text), [text], text.split()[::-1])
        yield from ([text[:end] for end in range(1, len(text) + 1)], sorted(text.split()))
    texts_only = [v for v in constants if isinstance(v, str)]
    for constant in [value for value in constants if isinstance(value, list)]:
        words = [value for value in constant if isinstance(value, str)]
        yield from (
            words,
            sorted(words),
            words[::-1],
            sorted(words, key=len),
            words[:1],
            words[-1:],
        )
        yield from ([w for w in words if part in w] for part in texts_only)
        yield from ([w for w in words if w.startswith(part)] for part in texts_only)
        yield from ([w.upper() for w in words], [w.lower() for w in words])


def truths(constants: list[Any]) -> Iterator[list[bool]]:
    tests: list[Callable[[Any], bool]] = [even, odd, positive, negative, palindrome]
    for constant in [value for value in constants if isinstance(value, list)]:
        yield from ([test(value) for value in constant] for test in tests)
        yield from ([True] * len(constant), [False] * len(constant))
    yield from map(list, itertools.product([True, False], repeat=4))


def pairs(constants: list[Any]) -> Iterator[list[list[int]]]:
    yield []
    yield from ([[0, value]] for value in range(5))
    for constant in constants:
        if isinstance(constant, list):
            yield constant
            yield [[place, place] for place in range(len(constant))]
    small = [[one, other] for one in range(4) for other in range(4)]
    yield from ([pair] for pair in small)
    yield from map(list, itertools.product(small, repeat=2))


def flat(values: Any) -> Iterator[Any]:
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, list | tuple | dict):
            yield from flat(value)
        else:
            yield value


def even(value: Any) -> bool:
    return isinstance(value, int | float) and value % 2 == 0


def odd(value: Any) -> bool:
    return isinstance(value, int | float) and value % 2 == 1


def positive(value: Any) -> bool:
    return isinstance(value, int | float) and value > 0


def negative(value: Any) -> bool:
    return isinstance(value, int | float) and value < 0


def palindrome(value: Any) -> bool:
    return isinstance(value, str) and value == value[::-1]


CANDIDATES: dict[str, Callable[[list[Any]], Iterator[Any]]] = {
    "int": numbers,
    "float": lambda constants: (float(value) for value in [*flat(constants), *range(100)]),
    "str": texts,
    "List[int]": lists_of_numbers,
    "List[float]": lists_of_numbers,
    "List[str]": lists_of_texts,
    "List[bool]": truths,
    "List[List[int]]": pairs,
}


def first_negative(balances: list[list[int]]) -> list[int]:
    sums = [list(itertools.accumulate(each)) for each in balances]
    return [next((total for total in each if total < 0), 0) for each in sums]


def depths(parens: str) -> list[int]:
    def depth(group: str) -> int:
        return max(itertools.accumulate(1 if c == "(" else -1 for c in group))

    return [depth(group) for group in parens.split()]


def alternating(li: list[int]) -> list[int]:
    rest, found = sorted(li), []
    while rest:
        found.append(rest.pop(-1 if len(found) % 2 else 0))
    return found


def first_even(nums: list[int]) -> list[int]:
    evens = [value for value in nums if value % 2 == 0]
    return [min(evens), nums.index(min(evens))] if evens else []


def bezout(m: int, n: int) -> list[int]:
    rows = [(m, 1, 0), (n, 0, 1)]
    while rows[-1][0]:
        times = rows[-2][0] // rows[-1][0]
        rows.append(tuple(a - times * b for a, b in zip(rows[-2], rows[-1], strict=True)))
    return list(rows[-2])


def vowels(texts: list[str]) -> list[str]:
    def of(text: str) -> str:
        at_end = len(text) - 1
        return "".join(
            c
            for j, c in enumerate(text)
            if c.lower() in "aeiou" or (c.lower() == "y" and j == at_end)
        )

    return [of(text) for text in texts]


def zero_pair(nums: list[int]) -> list[int]:
    places = itertools.product(range(len(nums)), repeat=2)
    return next([a, b] for a, b in places if nums[a] + nums[b] == 0)


def grade_of(gpa: float) -> str:
    letters = ["A+", "A", "A-", "B+", "B", "B-", "C+", "C", "C-", "F"]
    scores = [4.0, 3.7, 3.4, 3.0, 2.7, 2.4, 2.0, 1.7, 1.4, 0.0]
    return letters[next(i for i, score in enumerate(scores) if gpa >= score)]


def operators(target: int, nums: list[int]) -> list[str]:
    for ops in itertools.permutations(["**", "*", "+", "-", "//", "%"]):
        text = str(nums[0]) + "".join(op + str(n) for n, op in zip(nums[1:], ops, strict=True))
        try:
            if "**" not in text.split("%")[-1] and eval(text) == target:  # noqa: S307
                return list(ops)
        except (ZeroDivisionError, ValueError):
            continue
    return []


WORKED_OUT: dict[str, Callable[..., Any]] = {
    "b[:4] == b[-4:] == 'bits'": lambda n: f"bits{n:b}bits",
    "n % d == 0 and all((i in '47'": lambda n: next(
        d
        for k in range(1, 8)
        for d in map(int, map("".join, itertools.product("47", repeat=k)))
        if n % d == 0
    ),
    "assert total == firsts[i]": first_negative,
    "budget = depth": depths,
    "len(set(prefixes)) > len(s)": lambda s: [s[:end] for end in range(len(s) + 1)],
    "int(candidates[i])": lambda places: [
        "1" if i in places else "x" for i in range(max(places, default=0) + 1)
    ],
    "set(ans) == set(li)": lambda li: list(dict.fromkeys(li)),
    "[i - 1 for i in new_list] == old_list": lambda old: [i + 1 for i in old],
    "nums[a] + nums[b] == 0": zero_pair,
    "c.lower() == 'y' and j == len(t) - 1": vowels,
    "v, i = val_index": first_even,
    "(min, max)[i % 2]": alternating,
    "y = float(s.replace(',', '.'))": lambda nums: max(float(s.replace(",", ".")) for s in nums),
    "set(ops) == {'**'": operators,
    "string.split(x) == parts": lambda parts, string: string[
        len(parts[0]) : string.index(parts[1], len(parts[0]) + 1)
    ],
    "li.index(i) == index": lambda i, index: [i - 1] * index + [i],
    "li[1::2] == [sep]": lambda nums, sep: [v for n in nums for v in (n, sep)][: 2 * len(nums) - 1],
    "a * m + b * n == gcd": bezout,
    "{1: '.|', 2: 'o|', 4: 'o'}": lambda score: [
        {".|": 1, "o|": 2, "o": 4}[beat] for beat in score.split()
    ],
    "li[::2] == sorted(orig[::2])": lambda orig: [
        sorted(orig[::2])[i // 2] if i % 2 == 0 else v for i, v in enumerate(orig)
    ],
    "sums[i + 1] - sums[i] == i": lambda n: [i * (i - 1) // 2 for i in range(n + 1)],
    "bananas} bananas": lambda bowl, total: (
        total - sum(int(word) for word in bowl.split() if word.isdigit())
    ),
    "x ** 3 == n": lambda n: round(abs(n) ** (1 / 3)) * (1 if n > 0 else -1),
    "0 <= i < j < i + 3": lambda s: next(
        [i, j] for i in range(len(s)) for j in range(i + 1, min(i + 3, len(s))) if s[i] == s[j]
    ),
    "letters.index(grade)": lambda gpas: [grade_of(gpa) for gpa in gpas],
    "uneven[i][j] == target": lambda uneven, target: [
        [i, j] for i, row in enumerate(uneven) for j, n in enumerate(row) if n == target
    ],
    "chr(ord(a) - 2 * 2) == b": lambda orig: "".join(chr(ord(c) + 4) for c in orig),
    "z == (a + b + c == 0)": lambda trips: [sum(trip) == 0 for trip in trips],
    "for i in range(16)": lambda target: back(target, 3, 16),
    "for i in range(99)": lambda target: back(target, 4, 99),
}


def back(target: int, width: int, steps: int) -> list[int]:
    window = [0] * (width - 1) + [target]
    window = [target, *window[:-1]]
    for _ in range(steps):
        window = [window[-1] - sum(window[:-1]), *window[:-1]]
    return window


class OutOfTime(BaseException):
    pass


def answer(puzzle: str) -> str | None:
    """Return an answer that is right, as Python writes it."""
    space: dict[str, Any] = {}
    try:
        tree = ast.parse(puzzle)
        exec("from typing import *\n" + puzzle, space)  # noqa: S102 - the data's code, in this process
    except (SyntaxError, ValueError):
        return None
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    kind = ast.unparse(function.args.args[0].annotation or ast.Constant(None))
    constants = list(space["sat"].__defaults__ or ())
    for part, work_out in WORKED_OUT.items():
        if part in ast.unparse(function):
            found = work_out(*constants)
            return repr(found) if holds(space["sat"], found) else None
    constants += [node.value for node in ast.walk(function) if isinstance(node, ast.Constant)]
    for candidate in itertools.islice(CANDIDATES.get(kind, lambda _: iter(()))(constants), MOST):
        if fits(candidate, kind) and holds(space["sat"], candidate):
            return repr(candidate)
    return None


def fits(value: Any, kind: str) -> bool:
    inner = re.fullmatch(r"List\[(.+)\]", kind)
    if inner:
        return type(value) is list and all(fits(each, inner[1]) for each in value)
    return type(value).__name__ == kind or (kind == "float" and type(value) is int)


def holds(sat: Callable[[Any], Any], candidate: Any) -> bool:
    copied = ast.literal_eval(repr(candidate))
    try:
        return sat(copied) is True
    except Exception:  # noqa: BLE001 - whatever a puzzle raises, the answer is not right
        return False


def in_time(puzzle: str) -> str | None:
    def stop(*_: object) -> None:
        raise OutOfTime

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return answer(puzzle)
    except (OutOfTime, StopIteration, MemoryError, *WRONG_KIND):
        return None  # what candidates are made from may be of any kind
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    json.dump([in_time(puzzle) for puzzle in json.load(sys.stdin)], sys.stdout)
