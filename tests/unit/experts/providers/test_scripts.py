from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.providers.playing import ConnectionBroken, Reply, play
from experts.providers.scripts import FAULTS, Script, ToolCall, parse_script, tokens_of
from experts.providers.sse import DONE, split_events


def asked(text: str = "one two three") -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


async def body_of(reply: Reply) -> bytes:
    return b"".join([piece async for piece in reply.body])


def test_steps_are_joined() -> None:
    assert parse_script("delay:0.2 | pace:0.1|fixed:a: b|usage:wrong") == Script(
        text="a: b", delay=0.2, pace=0.1, usage="wrong"
    )
    assert parse_script("fail:429:7") == Script(status=429, retry_after=7)
    assert parse_script("flaky:2:500|echo") == Script(status=500, failures=2)
    assert parse_script('tool:add {"a": 1}|tool:now').tool_calls == (
        ToolCall("add", '{"a": 1}'),
        ToolCall("now"),
    )
    for fault in FAULTS:
        assert parse_script(fault).fault == fault


def test_an_object_is_the_same_script() -> None:
    assert parse_script({"text": "a", "delay": 0.5}) == Script(text="a", delay=0.5)


@pytest.mark.parametrize(
    "source", ["", "dance", "fail:x", "usage:maybe", "delay:soon", {"no": 1}, {"delay": "x"}]
)
def test_scripts_that_are_none(source: Any) -> None:
    with pytest.raises(ValueError):
        parse_script(source)


def test_what_is_answered() -> None:
    assert Script().answer_to(asked("hi")) == "hi"
    assert Script(text="x").answer_to(asked()) == "x"
    script = Script(text="else", replies={"two": "second"})
    assert script.answer_to(asked()) == "second"
    assert script.answer_to(asked("four")) == "else"
    turns = Script(turns=("first", "second"))
    answered = [*asked(), {"role": "assistant", "content": "first"}]
    assert turns.answer_to(asked()) == "first"
    assert turns.answer_to(answered) == "second"
    assert turns.answer_to(answered * 3) == "second"


def test_tools_are_called_until_one_has_answered() -> None:
    script = Script(tool_calls=(ToolCall("add"),))
    assert script.calls_for(asked())
    assert not script.calls_for([*asked(), {"role": "tool", "content": "2"}])


@given(st.text(max_size=50))
def test_tokens_make_up_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text


async def test_the_same_request_gets_the_same_reply() -> None:
    request = {"messages": asked(), "stream": True}
    first = await body_of(play(Script(), request, model="m"))
    assert first == await body_of(play(Script(), request, model="m"))
    assert first != await body_of(play(Script(text="x"), request, model="m"))


async def test_a_stream_is_whole_events_and_ends() -> None:
    reply = play(Script(), {"messages": asked(), "stream": True}, model="m")
    pieces = [piece async for piece in reply.body]
    assert all(len(list(split_events(piece))) == 1 for piece in pieces)
    assert pieces[-1] == DONE


async def test_flaky_scripts_recover() -> None:
    script = parse_script("flaky:2|fixed:up")
    request = {"messages": asked()}
    replies = [play(script, request, model="m", attempt=attempt) for attempt in range(3)]
    assert [reply.status for reply in replies] == [503, 503, 200]
    for reply in replies:
        await reply.body.aclose()


@pytest.mark.parametrize("stream", [True, False])
async def test_broken_connections(stream: bool) -> None:
    reply = play(parse_script("half_event"), {"messages": asked(), "stream": stream}, model="m")
    with pytest.raises(ConnectionBroken):
        await body_of(reply)


def test_mistakes_come_at_their_rate_and_always_the_same() -> None:
    script = Script(text="right", error_rate=0.3, wrong=("wrong", "worse"))
    said = [script.answer_to(asked(str(number))) for number in range(2000)]
    assert said == [script.answer_to(asked(str(number))) for number in range(2000)]
    assert 0.25 < sum(text != "right" for text in said) / 2000 < 0.35
    assert 0.1 < said.count("worse") / 2000 < 0.2
    assert said != [script.answer_to(asked(str(number)), salt="b") for number in range(2000)]
    assert Script(text="right", error_rate=1.0).answer_to(asked("x")) == "I do not know."
    with pytest.raises(ValueError, match="error_rate"):
        parse_script({"error_rate": 1.5})
