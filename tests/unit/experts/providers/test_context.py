"""Whatever words a server has for a request that is too long, they are understood."""

from __future__ import annotations

import pytest

from experts.errors import ContextTooLong, ExpertMisconfigured, RequestRefused
from experts.providers.context import says_too_long
from experts.providers.upstream import Upstream

TOO_LONG = [
    b'{"error":{"message":"This model\'s maximum context length is 8192 tokens. However, your'
    b' messages resulted in 9000 tokens.","code":"context_length_exceeded"}}',
    b'{"object":"error","message":"This model\'s maximum context length is 4096 tokens."}',
    b'{"error":{"code":400,"message":"the request exceeds the available context size (4096'
    b' tokens)","type":"exceed_context_size_error"}}',
    b'{"error":{"message":"prompt is too long: 210000 tokens > 200000 maximum"}}',
    b'{"error":{"message":"input length and `max_tokens` exceed context limit: 1 + 2 > 2"}}',
    b'{"error":{"message":"The input token count (1200000) exceeds the maximum number of tokens'
    b' allowed (1048576)."}}',
    b'{"error":{"message":"Prompt contains 40000 tokens and 0 draft tokens, too large for model'
    b' with 32768 maximum context length"}}',
    b'{"error":{"message":"Input is too long for requested model."}}',
    b'{"error":{"message":"The input (5000 tokens) is longer than the model\'s context length'
    b' (4096 tokens)."}}',
    b'{"error":{"message":"`inputs` tokens + `max_new_tokens` must be <= 4097."}}',
    b'{"error":{"message":"too many tokens: total number of tokens in the prompt exceeds"}}',
    b'{"error":{"message":"This model\'s maximum prompt length is 131072 but the request'
    b' contains 200000 tokens."}}',
    b'{"error":"Trying to keep the first 900 tokens when context the overflows."}',
]
OTHERS = [
    b'{"error":{"message":"messages[0].content is required"}}',
    b'{"error":{"message":"max_tokens must be at least 1"}}',
    b'{"error":{"message":"The image is too large"}}',
    b"",
]


@pytest.mark.parametrize("body", TOO_LONG)
def test_too_long(body: bytes) -> None:
    assert says_too_long(body)
    error = Upstream("e").error(400, body)
    assert isinstance(error, ContextTooLong)
    assert error.code == "context_length_exceeded"


@pytest.mark.parametrize("body", OTHERS)
def test_refused_for_another_reason(body: bytes) -> None:
    assert not says_too_long(body)
    assert type(Upstream("e").error(400, body)) is RequestRefused


def test_a_key_that_is_refused_is_no_long_request() -> None:
    assert isinstance(Upstream("e").error(401, TOO_LONG[0]), ExpertMisconfigured)
