import pytest

from router.executable import is_executable


@pytest.mark.parametrize(
    "text",
    [
        "what is 17 * 23?",
        "What's 17*23",
        "compute (3+4)^2",
        "17*23=",
        "17*23 = ?",
        "2+2",
        "please calculate 1,000 * 3.5",
        "Can you compute 2**10 please?",
        "how much is 12 ÷ 4?",
        "What is the value of 3 x 4",
        "evaluate -3 + 4.",
        "what is 10-3?",
        "what is 7/4",
        "10 % 3",
        "Run this:\n```python\nprint(sum(range(10)))\n```",
        "```py\nprint(2**100)\n```\nWhat does this print?",
        "execute please ```python\nx = 1\nprint(x)\n```",
    ],
)
def test_an_interpreter_can_answer(text: str) -> None:
    assert is_executable(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "17",
        "what is 17?",
        "2024-01-02",
        "what is 2024-01-02",
        "01/02/2024",
        "24/7",
        "10-3",
        "555-1234",
        "call 555-123-4567",
        "555-123-4567",
        "+1 555 123 4567",
        "978-3-16-148410-0",
        "192.168.1.1",
        "a 3-day trip",
        "plan a 3-day trip",
        "what is 3x + 4",
        "solve 3x + 7 = 22",
        "17 * 23 and why it matters",
        "what is 15%",
        "2(3)",
        "1 +",
        "((((((1",
        "x" * 400,
        "1+" * 400 + "1",
        "explain this code ```python\nprint(1)\n```",
        "why does this not run? ```python\nprint(1)\n```",
        "Fix the bug, then run it ```python\nprint(1)\n```",
        "do not run this ```python\nprint(1)\n```",
        "run this ```bash\nls\n```",
        "run this ```python\n\n```",
        "```python\nprint(1)\n```",
        "run ```python without an end",
    ],
)
def test_a_model_has_to_answer(text: str) -> None:
    assert not is_executable(text)
