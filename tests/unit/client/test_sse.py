"""The event decoder: any pieces of the same bytes are the same events."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coe_client.sse import Event, EventDecoder, EventTooLarge

NO_LINE_ENDS = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]))
ENDINGS = st.sampled_from(["\n", "\r", "\r\n"])


def decode(pieces: list[bytes]) -> list[Event]:
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[Event]]:
    """Bytes of a stream in the many spellings that are allowed, and its events."""
    lines: list[str] = []
    events: list[Event] = []
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.none() | NO_LINE_ENDS)
        if name is not None:
            lines.append(f"event: {name}")
        data = draw(st.lists(NO_LINE_ENDS, max_size=3))
        for line in data:
            lines.append(f"data: {line}")
            if draw(st.booleans()):
                lines.append(": a comment")
        if draw(st.booleans()):
            lines.append("id: 7")
        lines.append("")
        if data:
            events.append(Event("\n".join(data), name or "message"))
    text = "".join(line + draw(ENDINGS) for line in lines)
    # A CR that ends one line right before an LF that ends an empty one would be one CRLF.
    if "\r\n" in text and text.replace("\r\n", "\n").replace("\r", "\n") != "".join(
        line + "\n" for line in lines
    ):
        text = "".join(line + "\n" for line in lines)
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    return mark + text.encode(), events


@given(stream=streams(), cuts=st.lists(st.integers(0, 200)))
def test_any_pieces_give_the_same_events(
    stream: tuple[bytes, list[Event]], cuts: list[int]
) -> None:
    raw, events = stream
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    pieces = [raw[start:end] for start, end in itertools.pairwise(edges)]
    assert decode(pieces) == events
    assert decode([raw[i : i + 1] for i in range(len(raw))]) == events


@given(pieces=st.lists(st.binary(max_size=40)))
def test_no_bytes_upset_it_and_pieces_never_matter(pieces: list[bytes]) -> None:
    assert decode(pieces) == decode([b"".join(pieces)])


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (b"data: a\n\n", [Event("a")]),
        (b"data:a\n\n", [Event("a")]),
        (b"data:  a\n\n", [Event(" a")]),
        (b"data: a\ndata: b\n\n", [Event("a\nb")]),
        (b"data\n\n", [Event("")]),
        (b"data: a:b\n\n", [Event("a:b")]),
        (b": only a comment\n\n", []),
        (b"event: x\n\ndata: a\n\n", [Event("a")]),
        (b"event: x\ndata: a\n\n", [Event("a", "x")]),
        (b"dat: a\nretry: 5\nDATA: b\n\n", []),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [Event("a"), Event("b"), Event("c")]),
        (b"data: a\n", []),
        (b"data: \xff\n\n", [Event("\ufffd")]),
    ],
)
def test_by_the_specification(raw: bytes, events: list[Event]) -> None:
    assert decode([raw]) == events


@pytest.mark.parametrize("raw", [b"data: [DONE]", b"data: [DONE]\n", b"data: [DO"])
def test_flush_returns_what_lacks_its_empty_line(raw: bytes) -> None:
    decoder = EventDecoder()
    assert list(decoder.feed(b"data: a\n\n" + raw)) == [Event("a")]
    assert decoder.flush() == Event(raw.decode().strip().removeprefix("data: "))
    assert decoder.flush() is None


@pytest.mark.parametrize("piece", [b"x" * 8, b"data: 1234567\n", b"data: " + b"x" * 200 + b"\n"])
def test_an_event_without_end_is_refused(piece: bytes) -> None:
    decoder = EventDecoder(largest_event=100)
    with pytest.raises(EventTooLarge):
        _ = [list(decoder.feed(piece)) for _ in range(50)]


def test_the_limit_is_for_one_event_not_for_the_stream() -> None:
    decoder = EventDecoder(largest_event=20)
    for _ in range(50):
        pieces = [b": kept ", b"alive\n", b"data: 12345", b"67890\n", b"\n"]
        assert [event.data for piece in pieces for event in decoder.feed(piece)] == ["1234567890"]
