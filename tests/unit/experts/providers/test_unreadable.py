"""Bytes that are no text, and nesting without end, are the expert's fault and get a name."""

from __future__ import annotations

import pytest

from experts.errors import ExpertAnswerInvalid, RequestRefused
from experts.providers.answers import StreamCheck, check_answer
from experts.providers.sse import usage_in, without_usage_chunk
from experts.providers.upstream import Upstream

UPSTREAM = Upstream("e")
NESTED = b"[" * 200_000


def test_an_error_body_that_is_no_text_keeps_its_status() -> None:
    error = UPSTREAM.error(400, b'{"error":{"message":"\xfcber"}}')
    assert isinstance(error, RequestRefused)


@pytest.mark.parametrize("inside", [b'"\xff"', NESTED])
def test_an_unreadable_answer_is_invalid(inside: bytes) -> None:
    with pytest.raises(ExpertAnswerInvalid):
        check_answer(b'{"choices":[{}],"usage":{"x":' + inside + b"}}", UPSTREAM)


def test_an_unreadable_first_event_is_invalid() -> None:
    with pytest.raises(ExpertAnswerInvalid):
        StreamCheck(UPSTREAM).feed(b'data: {"id":"\xff","choices":[]}\n\n')


@pytest.mark.parametrize("inside", [b'"\xff"', NESTED])
def test_an_unreadable_usage_is_none(inside: bytes) -> None:
    block = b'data: {"choices":[],"usage":{"x":' + inside + b"}}\n\n"
    assert usage_in(block) is None
    assert without_usage_chunk(block) == block
