"""What a conductor says, however it says it."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.conductor.protocol import Call, Move, read_move
from orchestrator.conductor.protocol.published import read_published
from orchestrator.conductor.protocol.tagged import read_tagged
from orchestrator.conductor.protocol.tools import read_tool_calls

FENCED = '```python\nprint("</call>")\n```'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Move()),
        ("I am thinking about it.", Move()),
        ("<answer>42</answer>", Move(answer="42")),
        ("<ANSWER>\n 42 \n</ANSWER >", Move(answer="42")),
        ("so <answer>4</answer> or rather <answer>5</answer>", Move(answer="5")),
        ('<call expert="C++ Expert">Go.</call>', Move((Call("C++ Expert", "Go."),))),
        ("<call expert='Chef de  cuisine'>Go.</call>", Move((Call("Chef de cuisine", "Go."),))),
        ("<call>Go.</call>", Move((Call("Expert", "Go."),))),
        ("<python>1 + 1</python>", Move((Call("Python", "1 + 1", python=True),))),
        (
            "<python>\n```python\nif x:\n    y\n```\n</python>",
            Move((Call("Python", "if x:\n    y", python=True),)),
        ),
        (
            f'<call expert="A">Review this:\n{FENCED}\nThanks.</call> done',
            Move((Call("A", f"Review this:\n{FENCED}\nThanks."),)),
        ),
        (
            '<call expert="A">one</call>\n<call expert="B">two</call>',
            Move((Call("A", "one"), Call("B", "two"))),
        ),
        ('<call expert="A">cut off in the mid', Move((Call("A", "cut off in the mid"),))),
        (
            '<call expert="A">never closed\n<call expert="B">two</call>',
            Move((Call("A", "never closed"), Call("B", "two"))),
        ),
        (
            '<answer>7</answer><call expert="A">Check 7.</call>',
            Move((Call("A", "Check 7."),), answer="7"),
        ),
    ],
)
def test_tags(text: str, expected: Move) -> None:
    assert read_tagged(text) == expected


def test_an_empty_tag_is_a_fault_it_can_act_on() -> None:
    move = read_tagged('<call expert="A">\n</call>')
    assert not move.calls
    assert "empty" in move.faults[0]


def test_a_longer_fence_may_hold_shorter_ones() -> None:
    inner = "````markdown\n```python\nx\n```\n</call>\n````"
    assert read_tagged(f'<call expert="A">{inner}</call>').calls == (Call("A", inner),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'Let us ask.\n\nExpert Mathematician:\n"""\nWhat is 2 + 2?\n"""',
            Move((Call("Expert Mathematician", "What is 2 + 2?"),)),
        ),
        ('Expert C++:\n"""\nWrite it.\n"""', Move((Call("Expert C++", "Write it."),))),
        (
            'Expert Python:\n"""\n```python\nprint(1)\n```\n"""',
            Move((Call("Python", "print(1)", python=True),)),
        ),
        (
            'Expert Poet:\n"""\nQuote """this""" well.\n"""',
            Move((Call("Expert Poet", 'Quote """this""" well.'),)),
        ),
        ('>> FINAL ANSWER:\n"""\n(7 - 8 / 8) * 4\n"""', Move(answer="(7 - 8 / 8) * 4")),
        ("FINAL ANSWER: 24", Move(answer="24")),
        ("The expert mathematician: somebody who knows.", Move()),
        ("Expert Poet: I would rather not be asked without quotes.", Move()),
    ],
)
def test_the_published_form(text: str, expected: Move) -> None:
    assert read_published(text) == expected


def test_two_experts_in_the_published_form() -> None:
    text = 'Expert A:\n"""\none\n"""\nand\nExpert B:\n"""\ntwo\n"""'
    assert read_published(text).calls == (Call("Expert A", "one"), Call("Expert B", "two"))


def tool(name: str, arguments: object, id_: str = "c1") -> dict[str, object]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": text}}


def test_tool_calls() -> None:
    move = read_tool_calls(
        [
            tool("ask_expert", {"expert": "C++", "instruction": "Go."}),
            tool("run_python", {"code": "print(1)"}, "c2"),
            tool("final_answer", {"answer": " 42 "}, "c3"),
        ]
    )
    assert move == Move(
        (Call("C++", "Go.", id="c1"), Call("Python", "print(1)", True, "c2")), answer="42"
    )


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("ask_oracle", {}, "no tool 'ask_oracle'"),
        ("run_python", "{broken", "not valid JSON"),
        ("run_python", "[1]", "not a JSON object"),
        ("run_python", {"code": "  "}, "needs code"),
        ("ask_expert", {"expert": "A"}, "needs instruction"),
    ],
)
def test_a_malformed_tool_call_is_a_fault_it_can_act_on(
    name: str, arguments: object, told: str
) -> None:
    move = read_tool_calls([tool(name, arguments)])
    assert not move.calls
    assert told in move.faults[0]


def test_tags_count_before_the_published_form() -> None:
    text = "<answer>1</answer>\nFINAL ANSWER: 2"
    assert read_move(text) == Move(answer="1")
    assert read_move("FINAL ANSWER: 2") == Move(answer="2")


def test_a_flood_of_tags_is_read_in_time() -> None:
    started = time.monotonic()
    for flood in ("<call>a", "<call>", "```\n<python>x", 'Expert A:\n"""', "</call>"):
        assert len(read_move(flood * 50_000).calls) <= 32
    assert time.monotonic() - started < 5.0


TAGS = ["<call", ' expert="A"', ">", "</call>", "<python>", "</python>", "<answer>", "</answer>"]
OTHERS = ["```", "\n", '"""', "Expert B:", "FINAL ANSWER:", " text ", "~~~", "<", '"']
WORDS = st.sampled_from([*TAGS, *OTHERS])


@given(st.lists(WORDS, max_size=25).map("".join))
@example("<python>~~~\n~~~")
@example('Expert Python:\n"""```\n```"""')
def test_any_text_is_read(text: str) -> None:
    move = read_move(text)
    assert all(call.content.strip() for call in move.calls)
    assert move.answer is None or move.answer.strip()


@given(
    st.text(
        alphabet=st.characters(exclude_characters='<>`~"', exclude_categories=["Cs"]), min_size=1
    )
)
def test_plain_content_comes_back(content: str) -> None:
    move = read_move(f'<call expert="A">{content}</call>')
    assert move.calls == ((Call("A", content.strip()),) if content.strip() else ())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from(["id", "function", "type"]), JSON), max_size=3))
def test_any_tool_calls_are_read(tool_calls: list[dict[str, object]]) -> None:
    move = read_tool_calls(tool_calls)
    assert len(move.calls) + len(move.faults) + (move.answer is not None) >= min(len(tool_calls), 1)
