from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.providers.executable import find_snippets


@pytest.mark.parametrize(
    ("text", "expressions"),
    [
        ("what is 17 * 23?", ["17 * 23"]),
        ("2^10", ["2**10"]),
        ("3 x 4", ["3 * 4"]),
        ("3×4 please", ["3*4"]),
        ("15% of 80", ["15 / 100 * 80"]),
        ("What is 25 percent of (40+60)?", ["25 / 100 * (40+60)"]),
        ("What is 1,234,567 + 1?", ["1234567 + 1"]),
        ("What's (3+4)*2 = ?", ["(3+4)*2"]),
        ("12 times 12", ["12 * 12"]),
        ("100 minus 1", ["100 - 1"]),
        ("How much is 7 divided by 2?", ["7 / 2"]),
        ("9 squared", ["9**2"]),
        ("square root of 16 plus 2", ["sqrt(16) + 2"]),
        ("17 % 5", ["17 % 5"]),
        ("-5 + 3", ["-5 + 3"]),
        ("17 * 23, please.", ["17 * 23"]),
        ("1.5e3*2", ["1.5e3*2"]),
        ("what is 2+2 and 3*3?", ["2+2", "3*3"]),
    ],
)
def test_arithmetic_in_plain_words(text: str, expressions: list[str]) -> None:
    assert [snippet.arithmetic for snippet in find_snippets(text)] == expressions


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "42",
        "plan a party for 5-10 people",
        "2024-05-06",
        "on 5/6/2024 please",
        "0x10 + 2",
        "solve 2x+3=7",
        "I have 3 boxes with 4 * 5 apples",
        "is 2+2=5?",
        "5 + 5 + five",
        "3 (4)",
        "3.14.15+2",
        "what is 3+4i",
        "__import__('os').system('x') + 1",
        "print(1+1)",
        "1+1" * 1000,
    ],
)
def test_what_is_no_calculation(text: str) -> None:
    assert find_snippets(text) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Run:\n```python\nprint(1)\n```\nthanks", "print(1)"),
        ("```py\nx = 1\n```\nand\n```Python\nprint(x)\n```", "x = 1\nprint(x)"),
        ("```\nx = 1\nx + 1\n```", "x = 1\nx + 1"),
        ("```python\nprint('cut off')", "print('cut off')"),
        ("```python\r\nprint(1)\r\n```", "print(1)\r"),
        ('```python\ns = """a"""\nprint(s)\n```', 's = """a"""\nprint(s)'),
        ("```text\nnot this\n```\n```python\nprint(2)\n```", "print(2)"),
    ],
)
def test_blocks_of_code(text: str, code: str) -> None:
    (snippet,) = find_snippets(text)
    assert snippet.code == code
    assert snippet.arithmetic is None


@pytest.mark.parametrize(
    "text", ["```\nsome plain words\n```", "```json\n{}\n```", "```python\n\n```"]
)
def test_blocks_that_are_no_python(text: str) -> None:
    assert find_snippets(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "1" * 999 + "x",
        "1 " * 499,
        "(" * 999,
        "((1+" * 249,
        "% of " * 199,
        "1," * 499,
        "```" + "a" * 200_000,
        "```" + " " * 200_000,
        "```\n" * 20_000,
        "```\n" + "\n   " * 50_000,
        "```\n" + "(" * 200_000,
    ],
)
def test_no_message_takes_long(text: str) -> None:
    began = time.perf_counter()
    assert find_snippets(text) == []
    assert time.perf_counter() - began < 2


@given(st.integers(-999, 999), st.sampled_from(["+", "-", "*", "/", "^", "x"]), st.integers(1, 999))
def test_every_simple_sum_is_found(left: int, operator: str, right: int) -> None:
    (snippet,) = find_snippets(f"What is {left} {operator} {right}?")
    written = {"^": "**", "x": "*"}.get(operator, operator)
    assert "".join(snippet.code.split()) == f"{left}{written}{right}"


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    find_snippets(text)
