import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import routing_text
from router.text import MAX_CONTEXT_CHARACTERS, MAX_TURN_CHARACTERS

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
ROLE = st.sampled_from(["user", "system", "assistant", "tool", "developer", "", 3, None])
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "role": ROLE,
        "content": JSON
        | st.lists(st.fixed_dictionaries({"type": JSON}, optional={"text": JSON}), max_size=3),
    },
)


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def test_the_last_user_turn_comes_first_then_system_then_recent_turns() -> None:
    question = "Which of the two was the better general in your opinion, and why do you think so?"
    found = routing_text(
        [
            {"role": "system", "content": "You teach history."},
            user("Tell me of Caesar."),
            {"role": "assistant", "content": "He was a Roman general."},
            user(question),
        ]
    )
    assert found.text.splitlines() == [question, "You teach history.", "Tell me of Caesar."]


def test_what_was_said_before_never_outweighs_a_full_question() -> None:
    question = "Prove that the square root of two is irrational, in five lines. " * 3
    found = routing_text([{"role": "system", "content": "cook " * 5000}, user(question)])
    assert found.text.startswith(question.strip())
    assert len(found.text) <= 1.5 * len(question) + 2
    long = routing_text([user("earlier " * 999), user("question " * 300)])
    assert len(long.text) <= MAX_TURN_CHARACTERS + MAX_CONTEXT_CHARACTERS + 4


def test_a_follow_up_is_read_in_the_light_of_what_came_before() -> None:
    found = routing_text([user("Explain the krebs cycle"), user("and why?")])
    assert found.text.splitlines() == ["and why?", "Explain the krebs cycle"]


@pytest.mark.parametrize(
    "messages",
    [None, [], {}, 3, True, [None], [[]], [3], [{}], [{"role": "user"}], [user(None)], [user("")]],
)
def test_nothing_to_read_is_an_empty_text(messages: object) -> None:
    found = routing_text(messages)
    assert found.text == ""
    assert not found.needs
    assert not found.features


def test_a_plain_string_or_a_lone_message_is_a_user_turn() -> None:
    assert routing_text("hello").text == "hello"
    assert routing_text(user("hello")).text == "hello"
    assert routing_text(["hello"]).text == "hello"


def test_without_a_user_turn_the_last_text_is_read() -> None:
    assert routing_text([{"role": "tool", "content": "42 degrees"}]).text == "42 degrees"


def test_content_parts_are_read_and_tell_what_is_needed() -> None:
    found = routing_text(
        [
            user(
                [
                    {"type": "text", "text": "What is"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "text", "text": "in this picture?"},
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                    {"type": "file", "file": {"file_id": "f"}},
                    {"type": ["not a string"]},
                    7,
                ]
            )
        ]
    )
    assert found.text == "What is\nin this picture?"
    assert found.needs == {"vision"}
    assert found.features == {"audio", "file"}


def test_an_image_in_an_earlier_turn_still_needs_vision() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
    found = routing_text([user([image]), {"role": "assistant", "content": "A cat."}, user("Sure?")])
    assert found.needs == {"vision"}


@pytest.mark.parametrize(
    ("tools", "response_format", "needs"),
    [
        ([{"type": "function"}], None, {"tools"}),
        ([], {"type": "text"}, set()),
        (None, {"type": "json_object"}, {"json"}),
        (None, {"type": "json_schema", "json_schema": {}}, {"json"}),
        ("tools", {"type": ["json_object"]}, {"tools"}),
        (3, "json_object", set()),
    ],
)
def test_tools_and_json(tools: object, response_format: object, needs: set[str]) -> None:
    assert routing_text([user("hi")], tools, response_format).needs == needs


def test_executable_depends_on_the_last_user_turn_alone() -> None:
    system = {"role": "system", "content": "You are a helpful assistant."}
    assert routing_text([system, user("what is 17 * 23?")]).features == {"executable"}
    assert not routing_text([user("17 * 23"), user("why?")]).features


def test_prompt_tokens_grow_with_all_that_is_sent() -> None:
    short = routing_text([user("hello there")]).prompt_tokens
    assert 3 <= short <= 20
    assert routing_text([user("hello " * 4000)]).prompt_tokens == pytest.approx(6000, rel=0.1)
    assert routing_text([user("語" * 3000)]).prompt_tokens == pytest.approx(3000, rel=0.1)
    many = routing_text([user("hello there")] * 5000).prompt_tokens
    assert many == pytest.approx(5000 * short, rel=0.2)
    with_tools = routing_text([user("hello there")], [{"description": "x" * 4000}])
    assert with_tools.prompt_tokens > short + 900
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10**6}}
    assert 500 < routing_text([user([picture])]).prompt_tokens < 2000


def test_head_and_tail_of_a_huge_turn_are_kept() -> None:
    found = routing_text([user("BEGIN " + "x " * 5_000_000 + " END")])
    assert found.text.startswith("BEGIN")
    assert found.text.endswith("END")
    assert len(found.text) <= MAX_TURN_CHARACTERS


def test_ten_megabytes_are_read_in_no_time() -> None:
    turns = [user("word " * 2_000_000), user([{"type": "text", "text": "é" * 2_000_000}])]
    started = time.perf_counter()
    routing_text(turns * 2, tools=[{"a": ["b"] * 100_000}])
    assert time.perf_counter() - started < 0.25


def test_deep_nesting_is_no_trouble() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    routing_text([user(deep)], tools=deep)


@settings(max_examples=300, deadline=None)
@given(messages=JSON | st.lists(MESSAGE, max_size=4), tools=JSON, response_format=JSON)
def test_any_json_is_accepted(messages: Any, tools: Any, response_format: Any) -> None:
    found = routing_text(messages, tools, response_format)
    assert isinstance(found.text, str)
    assert found.prompt_tokens >= 0
    assert found.needs <= {"tools", "vision", "json"}
    assert found == routing_text(messages, tools, response_format)
    request = found.request("economy")
    assert (request.text, request.policy) == (found.text, "economy")
