from __future__ import annotations

import msgspec
import pytest

from experts.providers.protocol import Usage
from experts.providers.wire import (
    Head,
    chunk,
    completion,
    last_user_text,
    read_messages,
    read_usage,
    text_of,
    usage_chunk,
    usage_fields,
)

HEAD = Head("id-1", 7, "m")


def test_a_written_answer_has_the_wires_shape() -> None:
    answer = msgspec.json.decode(completion(HEAD, "hi", usage=Usage(1, 2)))
    assert answer == {
        "id": "id-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hi"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


def test_written_chunks_have_the_wires_shape() -> None:
    piece = msgspec.json.decode(chunk(HEAD, {"content": "h"}))
    assert piece["object"] == "chat.completion.chunk"
    assert piece["choices"] == [{"index": 0, "delta": {"content": "h"}, "finish_reason": None}]
    assert msgspec.json.decode(usage_chunk(HEAD, Usage(1, 2)))["choices"] == []


def test_usage_is_read_as_it_is_written() -> None:
    usage = Usage(10, 20, 3, 4)
    assert read_usage(usage_fields(usage)) == usage


def test_messages_are_decoded_where_they_are_bytes() -> None:
    raw = msgspec.Raw(b'[{"role":"user","content":"x"}]')
    assert read_messages({"messages": raw}) == [{"role": "user", "content": "x"}]
    inner = [msgspec.Raw(b'{"role":"system","content":"s"}'), {"role": "user", "content": "x"}]
    assert [one["role"] for one in read_messages({"messages": inner})] == ["system", "user"]


@pytest.mark.parametrize("messages", [None, "x", [1], msgspec.Raw(b"{"), msgspec.Raw(b'"x"')])
def test_messages_that_are_none(messages: object) -> None:
    with pytest.raises(ValueError):
        read_messages({"messages": messages})


def test_text_of_content() -> None:
    assert text_of("x") == "x"
    assert text_of([{"type": "text", "text": "a"}, {"type": "image_url"}, "?", {"text": 3}]) == "a"
    assert text_of(None) == ""
    last = last_user_text(
        [{"role": "user", "content": "1"}, {"role": "user", "content": "2"}, {"role": "assistant"}]
    )
    assert last == "2"
    assert last_user_text([{"role": "system", "content": "s"}]) == ""
