from __future__ import annotations

from datetime import UTC, datetime

import pytest

from experts.errors import (
    ExpertError,
    ExpertFailed,
    ExpertMisconfigured,
    ExpertOverloaded,
    ExpertTimedOut,
    RequestRefused,
)
from experts.providers.upstream import Upstream, read_retry_after

HERE = Upstream("e", "m-1", secret="sk-very-secret")
PLAIN = b'{"error":{"message":"no such thing","type":"invalid_request_error"}}'
NO_MODEL = b'{"error":{"message":"The model `m-1` does not exist","code":"model_not_found"}}'


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, PLAIN, RequestRefused),
        (404, PLAIN, RequestRefused),
        (413, b"", RequestRefused),
        (422, PLAIN, RequestRefused),
        (404, NO_MODEL, ExpertMisconfigured),
        (404, b'{"object":"error","message":"The model does not exist"}', ExpertMisconfigured),
        (404, b"<html>404 page not found</html>", ExpertMisconfigured),
        (400, b'[{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}]', ExpertMisconfigured),
        (301, b"", ExpertMisconfigured),
        (405, b"", ExpertMisconfigured),
        (401, PLAIN, ExpertMisconfigured),
        (402, PLAIN, ExpertMisconfigured),
        (403, PLAIN, ExpertMisconfigured),
        (408, b"", ExpertTimedOut),
        (504, b"", ExpertTimedOut),
        (429, PLAIN, ExpertOverloaded),
        (503, b"", ExpertOverloaded),
        (529, b"", ExpertOverloaded),
        (500, b"", ExpertFailed),
        (502, b"", ExpertFailed),
    ],
)
def test_statuses(status: int, body: bytes, kind: type[ExpertError]) -> None:
    error = HERE.error(status, body)
    assert type(error) is kind
    assert error.upstream_status == status
    assert error.expert == "e"
    assert "'e'" in error.message


def test_a_refusal_says_what_the_vendor_said() -> None:
    assert "no such thing" in HERE.error(400, PLAIN).message
    assert len(HERE.error(400, b'{"error":{"message":"%b"}}' % (b"x" * 9999)).message) < 600


def test_the_key_is_in_no_error_and_no_repr() -> None:
    body = b'{"error":{"message":"Incorrect API key provided: sk-very-secret"}}'
    for status in (400, 401, 500):
        error = HERE.error(status, body)
        assert "very-secret" not in f"{error!r} {error.upstream_body!r}"
    assert "very-secret" not in repr(HERE)
    assert "very-secret" not in repr(HERE.invalid("x", b"sk-very-secret").upstream_body)


@pytest.mark.parametrize(
    ("reported", "kind"),
    [
        ({"code": 429}, ExpertOverloaded),
        ({"code": "503"}, ExpertOverloaded),
        ({"type": "rate_limit_exceeded"}, ExpertOverloaded),
        ({"type": "overloaded_error"}, ExpertOverloaded),
        ({"type": "invalid_request_error"}, RequestRefused),
        ({"code": "context_length_exceeded"}, RequestRefused),
        ({"type": "server_error"}, ExpertFailed),
        ("something", ExpertFailed),
    ],
)
def test_error_objects_without_a_status(reported: object, kind: type[ExpertError]) -> None:
    assert type(HERE.error_object(reported, PLAIN)) is kind


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("inf", 86400.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert read_retry_after(header, NOW) == seconds
