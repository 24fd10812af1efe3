"""How long an answer may be, and what is left of one that is longer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.counting.estimate import estimated_tokens
from orchestrator.chat.length import cut, most_tokens
from orchestrator.chat.request import parse_chat
from orchestrator.kit.errors import ApiError


def most(**more: Any) -> int | None:
    message = {"role": "user", "content": "Hello"}
    return most_tokens(
        parse_chat(json.dumps({"model": "coe", "messages": [message], **more}).encode())
    )


def test_the_smaller_of_both_fields_holds() -> None:
    assert most() is None
    assert most(max_tokens=None) is None
    assert most(max_tokens=9) == most(max_completion_tokens=9) == 9
    assert most(max_tokens=9, max_completion_tokens=7) == 7


@pytest.mark.parametrize("value", [0, -1, 1.5, "9", True, [9]])
def test_what_is_no_number_of_tokens_is_refused(value: Any) -> None:
    with pytest.raises(ApiError) as caught:
        most(max_completion_tokens=value)
    assert (caught.value.status, caught.value.param) == (400, "max_completion_tokens")


@given(st.text(max_size=400), st.integers(1, 200))
def test_as_much_is_left_as_fits(text: str, limit: int) -> None:
    left = cut(text, limit)
    assert text.startswith(left)
    if left != text:
        assert estimated_tokens(left) <= limit < estimated_tokens(text[: len(left) + 1])


def test_without_a_limit_nothing_is_cut_off() -> None:
    assert cut("x" * 10_000, None) == "x" * 10_000
    assert cut("", 1) == ""
