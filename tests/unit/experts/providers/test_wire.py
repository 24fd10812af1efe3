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

    assert read_usage(usage_fields(Usage(10, 20, 3, 4, 5))) == Usage(10, 20, 3, 4, 5)


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 32, "audio_tokens": 0},
            },
            Usage(100, 50, 64, 32),
            id="openai",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "prompt_cache_hit_tokens": 64,
                "prompt_cache_miss_tokens": 36,
            },
            Usage(100, 50, 64),
            id="deepseek",
        ),
        pytest.param(
            {
                "prompt_tokens": 2100,
                "completion_tokens": 50,
                "total_tokens": 2150,
                "prompt_tokens_details": {"cached_tokens": 1500, "cache_write_tokens": 500},
                "cache_read_input_tokens": 1500,
                "cache_creation_input_tokens": 500,
            },
            Usage(2100, 50, 1500, 0, 500),
            id="anthropic-through-litellm",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 2150,
                "cache_read_input_tokens": 1500,
                "cache_creation_input_tokens": 500,
            },
            Usage(2100, 50, 1500, 0, 500),
            id="cache-left-out-of-the-prompt",
        ),
        pytest.param(
            {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94},
            },
            Usage(32, 103, 0, 94),
            id="reasoning-left-out-of-the-answer",
        ),
        pytest.param(
            {
                "prompt_tokens": 5.0,
                "completion_tokens": 0,
                "prompt_tokens_details": None,
                "completion_tokens_details": {"reasoning_tokens": None},
            },
            Usage(5, 0),
            id="floats-and-nulls",
        ),
    ],
)
def test_vendors_usage_is_understood(fields: object, usage: Usage) -> None:
    assert read_usage(fields) == usage


_PLAIN = {"prompt_tokens": 10, "completion_tokens": 5}


def test_the_tier_of_service_is_what_the_answer_says() -> None:
    assert read_usage(_PLAIN, "flex") == Usage(10, 5, service_tier="flex")
    assert read_usage(_PLAIN | {"service_tier": "batch"}) == Usage(10, 5, service_tier="batch")
    assert read_usage(_PLAIN, None) == read_usage(_PLAIN, 7) == Usage(10, 5)


@pytest.mark.parametrize(
    "fields",
    [
        None,
        [],
        {},
        {"prompt_tokens": 10},
        _PLAIN | {"prompt_tokens": -1},
        _PLAIN | {"completion_tokens": "many"},
        _PLAIN | {"completion_tokens": "5"},
        _PLAIN | {"completion_tokens": 10**12},
        _PLAIN | {"prompt_tokens": 1.5},
        _PLAIN | {"prompt_tokens": True},
        _PLAIN | {"prompt_tokens": float("nan")},
        _PLAIN | {"prompt_tokens": float("inf")},
        _PLAIN | {"prompt_tokens_details": {"cached_tokens": 11}},
        _PLAIN | {"prompt_tokens_details": {"cached_tokens": -3}},
        _PLAIN | {"cache_read_input_tokens": 6, "cache_creation_input_tokens": 6},
        _PLAIN | {"completion_tokens_details": {"reasoning_tokens": 6}},
        _PLAIN | {"completion_tokens_details": {"reasoning_tokens": "all"}},
    ],
)
def test_usage_that_cannot_be_is_not_believed(fields: object) -> None:
    assert read_usage(fields) is None


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
