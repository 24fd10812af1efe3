"""Retry decisions, with numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coe_client.errors import (
    APIConnectionError,
    APIResponseInvalidError,
    APIStatusError,
    APITimeoutError,
    CoeError,
)
from coe_client.failures import retry_after
from coe_client.retries import LONGEST_PAUSE, LONGEST_WISH, Attempts, may_repeat, pause
from coe_client.settings import countdown

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def status(number: int, wish: float | None = None) -> APIStatusError:
    return APIStatusError("no", status=number, retry_after=wish)


@pytest.mark.parametrize(
    ("error", "once", "repeatable"),
    [
        (APIConnectionError("x", sent=False), True, True),
        (APIConnectionError("x", sent=True), False, True),
        (APITimeoutError("x", sent=False), True, True),
        (APITimeoutError("x"), False, True),
        (status(429), True, True),
        (status(503), True, True),
        (APIStatusError("x", status=429, final=True), False, False),
        (status(408), False, True),
        (status(500), False, True),
        (status(502), False, True),
        (status(504), False, True),
        (status(400), False, False),
        (status(401), False, False),
        (status(402), False, False),
        (status(404), False, False),
        (status(409), False, False),
        (status(413), False, False),
        (status(501), False, False),
        (APIResponseInvalidError("x"), False, False),
        (CoeError("x"), False, False),
    ],
)
def test_what_may_be_repeated(error: CoeError, once: bool, repeatable: bool) -> None:
    assert may_repeat(error, repeatable=False) is once
    assert may_repeat(error, repeatable=True) is repeatable


@given(tries=st.integers(1, 2000), draw=st.floats(0, 1, exclude_max=True))
def test_pauses_grow_to_a_bound(tries: int, draw: float) -> None:
    seconds = pause(tries, None, lambda: draw)
    assert seconds is not None
    assert 0 <= seconds <= min(LONGEST_PAUSE, 0.5 * 2.0 ** min(tries - 1, 10))


def test_jitter_is_full() -> None:
    assert [pause(n, None, lambda: 1.0) for n in (1, 2, 3, 4, 5, 6)] == [0.5, 1, 2, 4, 8, 8]
    assert pause(3, None, lambda: 0.0) == 0


@given(wish=st.floats(0, 1e6), draw=st.floats(0, 1, exclude_max=True))
def test_a_wish_is_kept_or_the_caller_asked(wish: float, draw: float) -> None:
    seconds = pause(1, wish, lambda: draw)
    if wish > LONGEST_WISH:
        assert seconds is None
    else:
        assert seconds is not None
        assert wish <= seconds <= wish + 0.5


def attempts(max_retries: int = 2, left: float | None = None) -> Attempts:
    return Attempts(False, max_retries, lambda: 0.5, lambda: left)


def test_tries_are_counted() -> None:
    tries = attempts(max_retries=2)
    assert [tries.pause_after(status(503)) for _ in range(3)] == [0.25, 0.5, None]
    assert attempts(max_retries=0).pause_after(status(503)) is None
    assert attempts().pause_after(status(400)) is None


def test_no_pause_beyond_the_end_of_the_call() -> None:
    assert attempts(left=2.0).pause_after(status(429, wish=1.0)) == 1.25
    assert attempts(left=1.0).pause_after(status(429, wish=1.0)) is None
    assert attempts(left=0.0).pause_after(status(503)) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("2.5", 2.5),
        (" 7 ", 7),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("Fri, 02 Jan 2026 03:04:35 GMT", 30),
        ("Fri, 02 Jan 2026 03:04:00 GMT", 0),
        ("Friday, 02-Jan-26 03:04:35 GMT", 30),
        ("Fri, 02 Jan 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(value=st.text(max_size=40))
def test_no_retry_after_upsets(value: str) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or seconds >= 0


def test_countdown() -> None:
    moments = iter([100.0, 101.0, 109.0, 200.0])
    left = countdown(10.0, lambda: next(moments))
    assert [left(), left(), left()] == [9.0, 1.0, 0.0]
    assert countdown(None, lambda: 0.0)() is None
