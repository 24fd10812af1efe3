from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.errors import (
    ExpertAnswerInvalid,
    ExpertError,
    ExpertFailed,
    ExpertOverloaded,
    RequestRefused,
)
from experts.providers.answers import StreamCheck, check_answer
from experts.providers.protocol import Usage
from experts.providers.sse import DONE
from experts.providers.upstream import Upstream

HERE = Upstream("e")
ONE = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n'
LAST = b'data: {"choices":[{"delta":{},"finish_reason": "stop"}]}\n\n'
ERROR = b'data: {"error":{"message":"boom","code":429}}\n\n'


def run(*chunks: bytes) -> bytes:
    check = StreamCheck(HERE)
    out = b""
    for chunk in chunks:
        out += check.feed(chunk)
        if check.done:
            return out
    return out + check.end()


def test_an_answer_keeps_its_bytes() -> None:
    body = b'{ "choices":[{"x":1}], "usage":{"prompt_tokens":1,"completion_tokens":2.0}, "new":1 }'
    answer = check_answer(body, HERE)
    assert answer.body is body
    assert answer.usage == Usage(1, 2)


@pytest.mark.parametrize(
    "usage",
    [b"null", b'"many"', b"[]", b'{"prompt_tokens":-1,"completion_tokens":1}', b"{}", b"true"],
)
def test_usage_that_does_not_count_is_none(usage: bytes) -> None:
    assert check_answer(b'{"choices":[{}],"usage":%b}' % usage, HERE).usage is None


def test_details_of_usage() -> None:
    body = (
        b'{"choices":[{}],"usage":{"prompt_tokens":9,"completion_tokens":8,'
        b'"prompt_tokens_details":{"cached_tokens":7},'
        b'"completion_tokens_details":{"reasoning_tokens":6}}}'
    )
    assert check_answer(body, HERE).usage == Usage(9, 8, 7, 6)
    flex = body[:-1] + b',"service_tier":"flex"}'
    assert check_answer(flex, HERE).usage == Usage(9, 8, 7, 6, service_tier="flex")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ExpertAnswerInvalid),
        (b"<html>", ExpertAnswerInvalid),
        (b'{"choices":[{}]', ExpertAnswerInvalid),
        (b'{"choices":[]}', ExpertAnswerInvalid),
        (b'{"choices":"x"}', ExpertAnswerInvalid),
        (b"{}", ExpertAnswerInvalid),
        (b"[]", ExpertAnswerInvalid),
        (b'{"error":{"code":429}}', ExpertOverloaded),
        (b'{"error":"no"}', ExpertFailed),
    ],
)
def test_what_is_no_answer(body: bytes, kind: type[ExpertError]) -> None:
    with pytest.raises(ExpertError) as caught:
        check_answer(body, HERE)
    assert type(caught.value) is kind


def test_a_stream_passes_untouched() -> None:
    assert run(ONE + ONE, LAST, DONE) == ONE + ONE + LAST + DONE


@given(st.lists(st.integers(1, 400), max_size=12))
def test_a_stream_passes_untouched_however_it_is_cut(places: list[int]) -> None:
    stream = ONE + ONE + LAST + DONE
    bounds = sorted({0, len(stream), *(min(place, len(stream)) for place in places)})
    chunks = [stream[a:b] for a, b in pairwise(bounds)]
    assert run(*chunks) == stream


def test_what_follows_done_is_dropped() -> None:
    assert run(ONE + LAST + DONE + b": bye\n\n") == ONE + LAST + DONE


def test_keep_alives_before_the_answer_are_dropped_and_later_ones_kept() -> None:
    ping = b": ping\n\n"
    assert run(ping, ping + ONE, ping, LAST, DONE) == ONE + ping + LAST + DONE


@pytest.mark.parametrize("rest", [b"", b"data: [DONE]", b"data: [DONE]\n"])
def test_done_is_added_after_a_clean_end(rest: bytes) -> None:
    assert run(ONE, LAST + rest) == ONE + LAST + DONE


@pytest.mark.parametrize(
    "chunks",
    [
        (),
        (b": ping\n\n",),
        (DONE,),
        (ONE,),
        (ONE, b'data: {"choi'),
        (LAST, b'data: {"choi'),
        (b"data: nonsense\n\n", DONE),
        (b"data: 17\n\n", DONE),
        (ONE, ERROR),
        (ONE, b'data: {"object":"error","message":"boom"}\n\ndata: [DONE]\n\n', ERROR),
    ],
)
def test_what_is_no_stream(chunks: tuple[bytes, ...]) -> None:
    with pytest.raises(ExpertAnswerInvalid):
        run(*chunks)


def test_an_error_before_the_first_block_is_what_it_says() -> None:
    with pytest.raises(ExpertOverloaded):
        run(ERROR)
    with pytest.raises(ExpertOverloaded):
        run(ONE + ERROR)
    with pytest.raises(RequestRefused):
        run(b'data: {"error":{"type":"invalid_request_error","message":"x"}}\n\n')


def test_the_word_error_in_an_answer_is_no_error() -> None:
    said = b'data: {"choices":[{"delta":{"content":"error"}}],"error":null}\n\n'
    assert run(said, LAST, DONE) == said + LAST + DONE


def test_what_comes_in_one_piece_with_an_error_is_kept_with_it() -> None:
    said = b'data: {"choices":[{"delta":{"content":"one"}}]}\n\n'
    with pytest.raises(ExpertError) as caught:
        run(said + b'data: {"error":{"message":"no more"}}\n\n')
    assert caught.value.produced == said
