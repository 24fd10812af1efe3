from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.providers.protocol import Usage
from experts.providers.sse import (
    EventSplitter,
    EventTooLong,
    data_of,
    is_done,
    split_events,
    usage_in,
    without_usage_chunk,
    write_event,
)

LINES = st.binary(min_size=1, max_size=12).map(
    lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"") or b"x"
)
ENDS = st.sampled_from([b"\n\n", b"\r\n\r\n", b"\n\r\n"])
EVENTS = st.lists(st.tuples(LINES, ENDS).map(lambda pair: b"data: " + pair[0] + pair[1]))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


@given(EVENTS, st.binary(max_size=8), st.lists(st.integers(0, 10_000), max_size=20))
def test_any_chunking_yields_the_same_whole_events(
    events: list[bytes], tail: bytes, places: list[int]
) -> None:
    tail = tail.replace(b"\n", b"").replace(b"\r", b"")
    splitter = EventSplitter()
    blocks = [splitter.feed(chunk) for chunk in cut(b"".join(events) + tail, places)]
    assert [event for block in blocks for event in split_events(block)] == events
    assert splitter.rest == tail


@given(st.binary(max_size=60), st.lists(st.integers(0, 100), max_size=6))
def test_no_byte_is_lost_or_made_up(data: bytes, places: list[int]) -> None:
    splitter = EventSplitter()
    assert b"".join(map(splitter.feed, cut(data, places))) + splitter.rest == data


@given(st.binary(max_size=60), st.lists(st.integers(0, 100), max_size=6))
def test_the_rest_never_holds_a_whole_event(data: bytes, places: list[int]) -> None:
    splitter = EventSplitter()
    for chunk in cut(data, places):
        splitter.feed(chunk)
        assert b"\n\n" not in splitter.rest
        assert b"\n\r\n" not in splitter.rest


def test_a_whole_chunk_is_handed_on_without_a_copy() -> None:
    chunk = b"data: 1\n\ndata: 2\n\n"
    assert EventSplitter().feed(chunk) is chunk


def test_an_event_that_never_ends_is_bounded() -> None:
    splitter = EventSplitter(limit=10)
    splitter.feed(b"data: 1\n\n12345")
    with pytest.raises(EventTooLong):
        splitter.feed(b"6789012")


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: x\n\n", b"x"),
        (b"data:x\r\n\r\n", b"x"),
        (b"event: error\ndata: {}\nid: 1\n\n", b"{}"),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b": keep-alive\n\n", None),
        (b"data:  two spaces\n\n", b" two spaces"),
    ],
)
def test_data_of(event: bytes, data: bytes | None) -> None:
    assert data_of(event) == data


def test_done_is_an_event_of_its_own_and_not_a_word() -> None:
    assert is_done(b"data: [DONE]\n\n")
    assert is_done(b"data:[DONE]\r\n\r\n")
    assert not is_done(b'data: {"content":"[DONE]"}\n\n')
    assert not is_done(b": [DONE]\n\n")


def test_usage_is_read_from_the_last_event_that_counts() -> None:
    block = (
        b'data: {"choices":[{"delta":{"content":"the \\"usage\\" of x"}}],"usage":null}\n\n'
        b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n'
        b"data: [DONE]\n\n"
    )
    assert usage_in(block) == Usage(3, 5)
    flex = block.replace(b'"choices":[],', b'"choices":[],"service_tier":"flex",')
    assert usage_in(flex) == Usage(3, 5, service_tier="flex")
    assert usage_in(b'data: {"usage":{"prompt_tokens":-1}}\n\n') is None
    assert usage_in(b'data: {"usage": broken\n\n') is None


def test_an_answer_that_is_the_word_usage_is_not_usage() -> None:
    block = b'data: {"choices":[{"delta":{"content":"usage"}}]}\n\n'
    assert usage_in(block) is None
    assert without_usage_chunk(block) == block


def test_only_the_usage_chunk_is_taken_out() -> None:
    content = b'data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}\n\n'
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'
    done = b"data: [DONE]\n\n"
    assert without_usage_chunk(content + usage + done) == content + done
    assert without_usage_chunk(usage) == b""


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4))
def test_what_is_written_is_read_back(fields: dict[str, str]) -> None:
    event = write_event(msgspec.json.encode(fields))
    assert list(split_events(event)) == [event]
    assert msgspec.json.decode(data_of(event) or b"") == fields
