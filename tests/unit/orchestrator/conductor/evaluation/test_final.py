"""Where the final answer stands in what was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.evaluation.final import final_answer


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("42", "42"),
        ("  **42**\n", "42"),
        ("thinking\nFINAL ANSWER: 1\nno, wait\nFinal Answer: 42", "42"),
        ('>> FINAL ANSWER:\n"""\na b c\n"""', "a b c"),
        ("**FINAL ANSWER:** 42", "42"),
        ("FINAL ANSWER: **42**", "42"),
        ("**FINAL ANSWER: 42**", "42"),
        ("**FINAL ANSWER**: 42", "42"),
        ("FINAL ANSWER:\n```python\n[1, 2]\n```", "[1, 2]"),
        ("FINAL ANSWER: 42\n\nI hope this helps!", "42\n\nI hope this helps!"),
        ("<answer>\n(B)\n</answer>", "(B)"),
        ("so <answer>1</answer> or <answer>42", "42"),
        (r"so \boxed{1}, or rather $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"never closed \boxed{1", r"never closed \boxed{1"),
        ("First. The answer is 7.\nNo: the answer is 42.", "42"),
        ("The answer is:\n\n42", "42"),
        ("The answer is $42$", "42"),
        ("The answer is 'let me see", "'let me see"),
        ("Here:\n```\nold\n```\nand\n```\nnew\n```\ndone", "new"),
        ("```\nnever closed\n42", "```\nnever closed\n42"),
        ("FINAL ANSWER: ```1``` and ```2```", "```1``` and ```2```"),
        ("```\n1\n```\n```\n2\n```", "2"),
        ("`Rh5#`", "Rh5#"),
        ("$$x$$ and $$y$$", "$$x$$ and $$y$$"),
        ("", ""),
    ],
)
def test_it_is_found(said: str, answer: str) -> None:
    assert final_answer(said) == answer


@given(st.text(alphabet='F"`$*\\boxed{}<answer>is: \n', max_size=200))
def test_anything_can_be_read(said: str) -> None:
    assert isinstance(final_answer(said), str)
    assert final_answer(f"FINAL ANSWER: {final_answer('7')}") == "7"


def test_long_texts_take_no_time() -> None:
    for part in (
        "```\n",
        "```a\n",
        "answer is ",
        "\\boxed{",
        "FINAL ANSWER ",
        "<answer>",
        "$",
        "**",
    ):
        final_answer(part * (400_000 // len(part)))
