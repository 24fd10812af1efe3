"""What to do about an error of the sandboxed Python, which has a part of the language. Pure.

A model that is told "no module named heapq" writes the same again; told what to write instead, it
does. The table was made from what models commonly write.
"""

from __future__ import annotations

import re

MODULES = (
    "math, itertools, functools, re, json, random, collections, datetime, decimal, dataclasses,"
    " asyncio, base64, bisect, copy, csv, hashlib, time, typing, unicodedata"
)
"""Those that can be imported and are of use."""

_MODULES_INSTEAD = {
    "fractions": "keep numerator and denominator as whole numbers and reduce them with math.gcd",
    "heapq": "keep a sorted list, with bisect.insort and pop(0)",
    "statistics": "write it with sum(), len() and sorted()",
    "string": "write the characters out, such as 'abcdefghijklmnopqrstuvwxyz'",
    "numpy": "use lists, loops and the module math",
    "scipy": "write the method itself with loops and the module math",
    "pandas": "use lists and dictionaries",
    "sympy": "compute with whole numbers, or try values in a loop",
    "networkx": "write the search itself over a dictionary of neighbours",
    "cmath": "compute with complex numbers directly, such as (-1) ** 0.5",
    "operator": "write a lambda",
    "enum": "use plain constants",
    "abc": "use plain classes",
    "contextlib": "use try and finally",
    "textwrap": "cut the text by slices",
    "pprint": "use print()",
    "calendar": "use datetime.date",
    "timeit": "use time.perf_counter()",
    "array": "use a list",
    "struct": "use int arithmetic",
    "threading": "do one thing after the other",
    "multiprocessing": "do one thing after the other",
    "io": "build the text as a list of strings",
}
_MEMBERS_INSTEAD = {
    "OrderedDict": "a dictionary keeps its order already",
    "cmp_to_key": "sort by a key function",
    "wraps": "leave it out",
    "total_ordering": "sort by a key function",
    "cached_property": "compute the value in __init__",
    "asdict": "build the dictionary yourself",
    "replace": "make a new object with all its fields",
    "setrecursionlimit": "leave it out, and use a loop where the recursion is deep",
    "stdin": "there is no input: put the values into the program",
    "exit": "let the program run to its end",
    "write": "use print(..., end='')",
    "maketrans": "use replace(), or join() over a dictionary's values",
    "bit_length": "use len(bin(abs(n))) - 2",
    "bit_count": "use bin(n).count('1')",
    "TypedDict": "use a plain dictionary",
    "NamedTuple": "use collections.namedtuple",
}
_NAMES_INSTEAD = {
    "input": "there is no input: put the values into the program",
    "exit": "let the program run to its end",
    "quit": "let the program run to its end",
    "bytearray": "use a list of numbers",
    "memoryview": "use bytes and slices",
    "callable": "leave the test out",
    "issubclass": "compare types with ==",
    "super": "classes do not inherit here",
    "__import__": "use an import statement",
    "compile": "write the code out",
    "globals": "keep the values in a dictionary",
    "vars": "keep the values in a dictionary",
    "dir": "leave it out",
    "help": "leave it out",
    "ascii": "use repr()",
}
_SYNTAX_INSTEAD = {
    "yield": "build a list and return it",
    "class inheritance": (
        "write a plain class, or functions, and raise one of the exceptions that exist,"
        " such as ValueError"
    ),
    "method decorators": "write a plain method, or a function outside the class",
    "'del' statement": "use pop(), remove(), or build what is to be kept",
    "Wildcard imports": "import by name, such as `from math import sqrt, pi`",
}
_MODULE = re.compile(r"No module named '([\w.]+)'")
_MEMBER = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
_ATTRIBUTE = re.compile(r"has no attribute '(\w+)'")
_NAME = re.compile(r"name '(\w+)' is not defined")
_PHRASES = (
    (
        re.compile(r"'os\.\w+' is not supported"),
        "Files, network and environment are not available here.",
    ),
    (
        re.compile(r"Exceeds the limit .* for integer string conversion"),
        "Numbers of more than 4300 digits are not written out or read: print what is asked of the"
        " number, such as n % 10**9.",
    ),
    (
        re.compile(r"2nd argument cannot be negative"),
        "For an inverse modulo m, use the extended Euclidean algorithm, or try the numbers.",
    ),
    (
        re.compile(r"'<' not supported between instances of"),
        "Objects of classes are compared by a key: sorted(items, key=lambda x: ...).",
    ),
    (
        re.compile(r"exceptions can only be called with"),
        "Raise an exception with one text, such as ValueError('...').",
    ),
    (re.compile(r"maximum recursion depth"), "Calls may be 500 deep: use a loop, or a cache."),
)


def missing(kind: str, message: str) -> str:
    """Say in a sentence or two what is missing here, and what to do instead.

    Args:
        kind: Name of the exception.
        message: Its text.

    Returns:
        Empty where it is an error like any other.
    """
    if kind == "NotImplementedError":
        return _syntax(message)
    if kind in {"ImportError", "ModuleNotFoundError"}:
        return _module(message)
    if kind == "NameError":
        return _known(_NAMES_INSTEAD, _NAME.search(message), "{0}() is not available here")
    if kind == "AttributeError":
        if message.startswith("module 'os' has no"):
            return "Files, processes, network and environment are not available here."
        return _known(_MEMBERS_INSTEAD, _ATTRIBUTE.search(message), "'{0}' is not available here")
    return next((said for phrase, said in _PHRASES if phrase.search(message)), "")


def _syntax(message: str) -> str:
    for words, instead in _SYNTAX_INSTEAD.items():
        if words in message:
            return f"A part of Python is available here, without {words}: {instead}."
    unsupported = "not yet support" in message or "not supported" in message
    return "A part of Python is available here; write it in a simpler way." if unsupported else ""


def _module(message: str) -> str:
    member = _MEMBER.search(message)
    if member is not None:
        instead = _MEMBERS_INSTEAD.get(member[1], "write it yourself, or do it another way")
        return f"'{member[1]}' is not in the module {member[2]} here: {instead}."
    found = _MODULE.search(message)
    if found is None:
        return ""
    root = found[1].split(".")[0]
    instead = _MODULES_INSTEAD.get(root, "write what you need of it yourself")
    return (
        f"The module {root} is not available here: {instead}. A module that is not available"
        f" cannot be installed. Available are: {MODULES}."
    )


def _known(table: dict[str, str], found: re.Match[str] | None, told: str) -> str:
    if found is None or found[1] not in table:
        return ""
    return f"{told.format(found[1])}: {table[found[1]]}."
