"""What texts answer: equal answers have one form, and what cannot be read has none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.answers import options_in, question_in, read_answer

TASK = "Which is a metal?\n\nA. Oxygen\nB. Iron\nC. 3.5 kg of sand"
OPTIONS = ("Oxygen", "Iron", "3.5 kg of sand")


def test_options_are_read_off_a_question() -> None:
    assert options_in(TASK) == OPTIONS
    assert question_in(TASK) == "Which is a metal?"
    assert (
        options_in(TASK.replace("A.", "(A)").replace("B.", "(B)").replace("C.", "(C)")) == OPTIONS
    )
    assert options_in("A. Only one") == ()
    assert options_in("B. No\nC. beginning") == ()
    assert question_in("No options here.") == "No options here."


def test_an_option_may_go_on_in_the_lines_below() -> None:
    task = (
        "Which holds?\n(A) Iron is a metal,\nand conducts.\n(B) Oxygen\n   is a metal.\n\n"
        "(C) Sand is neither:\n    it is a mixture.\nAnswer with the letter."
    )
    first, *others = options_in(task)
    assert first == "Iron is a metal, and conducts."
    assert others == ["Oxygen is a metal.", "Sand is neither: it is a mixture."]
    said = read_answer("Sand is neither:\nit is a mixture.", (first, *others))
    assert said is not None
    assert said.value == "C"
    assert options_in("Which?\nA. x\nB. y\nAnswer:") == ("x", "y")
    assert options_in("A. x\r\nB. y\r\n\r\nAnswer:") == ("x", "y")


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("(B)", "B"),
        ("The answer is (B).", "B"),
        ("The answer is B: Iron", "B"),
        ("It conducts. So I think the answer is **B**.", "B"),
        ("\\boxed{B}", "B"),
        ("iron", "B"),
        ("Option C", "C"),
        ("The best choice is C, since", "C"),
        ("A metal shines. <answer>B</answer>", "B"),
        ("(C) 3.5 kg", "C"),
        ("A metal shines.", None),
        ("D", None),
        ("I do not know.", None),
        ("Both are.", None),
        ("", None),
    ],
)
def test_a_choice(text: str, letter: str | None) -> None:
    found = read_answer(text, OPTIONS)
    assert (found.value if found else None) == letter


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,200", "1200.0"),
        ("$3.50", "3.5"),
        ("The answer is 7.", "7"),
        ("\u22122", "-2"),
        ("1e3", "1000"),
    ],
)
def test_equal_numbers_are_one_answer(one: str, other: str) -> None:
    found = read_answer(one)
    assert found == read_answer(other)
    assert found is not None
    assert found.kind == "number"


def test_texts() -> None:
    assert read_answer("The answer is Paris.") == read_answer("  paris ")
    assert read_answer("5%") != read_answer("5")
    assert read_answer("word " * 40) is None
    assert read_answer("one\ntwo") is None


@given(st.text(max_size=200), st.lists(st.text(max_size=10), max_size=5))
def test_anything_can_be_read(text: str, options: list[str]) -> None:
    found = read_answer(text, options)
    if found is not None:
        assert found.value
        assert (found.kind == "choice") == bool(options)
