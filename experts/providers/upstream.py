"""An expert's server as the one to blame: its statuses and its error bodies become our errors.

This is the only place where a vendor's HTTP status or error text is judged. The status counts
first, the text only where vendors use one status for two different faults.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import msgspec

from experts.errors import (
    ContextTooLong,
    ExpertAnswerInvalid,
    ExpertError,
    ExpertFailed,
    ExpertMisconfigured,
    ExpertOverloaded,
    ExpertTimedOut,
    RequestRefused,
)
from experts.providers.context import says_too_long
from experts.providers.wire import UNREADABLE
from experts.redaction import redacted, without_beginning_of

KEPT_BODY_BYTES = 2000
KEPT_MESSAGE_CHARS = 500
_JUDGED_BODY_BYTES = 64 * 1024
LONGEST_WAIT = 24 * 3600.0

_KEY_REFUSED = {401, 403}
_NOT_PAID = 402
_TOO_SLOW = {408, 504, 524}
_TOO_BUSY = {429, 503, 529}
_OPERATORS_CODES = ("model_not_found", "invalid_model", "invalid_api_key", "API_KEY_INVALID")
_STATUS_OF_TYPE = (
    ("rate_limit", 429),
    ("overloaded", 529),
    ("unavailable", 503),
    ("timeout", 504),
    ("authentication", 401),
    ("permission", 403),
    ("invalid_request", 400),
    ("badrequest", 400),
    ("context_length", 400),
)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Who is being called, so that an error can name them and never their key.

    Args:
        expert: Id of the expert.
        model: The model's name at the vendor.
        secret: The key in use, removed from whatever the vendor sends back.
    """

    expert: str
    model: str = ""
    secret: str | None = field(default=None, repr=False)

    def error(self, status: int, body: bytes, retry_after: str | None = None) -> ExpertError:
        """Return the error for an answer that is not a success.

        Args:
            status: The HTTP status.
            body: What came with it; may be empty or cut off.
            retry_after: The ``Retry-After`` header, seconds or an HTTP date (RFC 9110, 10.2.3).
        """
        said = self._clean(body)
        kind, message = self._judge(status, said)
        error = kind(
            message,
            expert=self.expert,
            upstream_status=status,
            upstream_body=said[:KEPT_BODY_BYTES],
        )
        if isinstance(error, ExpertOverloaded):
            error.retry_after = read_retry_after(retry_after)
        return error

    def error_object(self, reported: object, body: bytes) -> ExpertError:
        """Return the error for ``{"error": ...}`` where a success was announced.

        Args:
            reported: The decoded value of ``error``.
            body: The bytes it stood in.
        """
        return self.error(_status_of(reported), body)

    def invalid(self, reason: str, body: bytes = b"") -> ExpertAnswerInvalid:
        """Return the error for something that is not an answer."""
        return ExpertAnswerInvalid(
            f"expert '{self.expert}' {reason}",
            expert=self.expert,
            upstream_body=self._clean(body)[:KEPT_BODY_BYTES],
        )

    def _judge(self, status: int, said: bytes) -> tuple[type[ExpertError], str]:
        who = f"expert '{self.expert}'"
        if status in _KEY_REFUSED:
            return ExpertMisconfigured, f"{who}: its server refused the API key (HTTP {status})"
        if status == _NOT_PAID:
            return ExpertMisconfigured, f"{who}: the account at its vendor has no credit"
        if status in _TOO_SLOW:
            return ExpertTimedOut, f"{who}: its server gave up waiting (HTTP {status})"
        if status in _TOO_BUSY:
            return ExpertOverloaded, f"{who} has too much to do (HTTP {status})"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ExpertFailed, f"{who} failed (HTTP {status})"
        if status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.METHOD_NOT_ALLOWED:
            return ExpertMisconfigured, f"{who}: its URL does not take requests (HTTP {status})"
        if self._is_the_operators(status, said):
            return ExpertMisconfigured, (
                f"{who}: its server does not know the model '{self.model}', the path or the key"
                f" (HTTP {status})"
            )
        reason = _message_in(said)
        if says_too_long(said):
            return ContextTooLong, f"{who}: too long for it: {reason or f'HTTP {status}'}"
        return RequestRefused, f"{who} refused the request: {reason or f'HTTP {status}'}"

    def _is_the_operators(self, status: int, said: bytes) -> bool:
        text = said.decode("utf-8", "replace")
        if any(code in text for code in _OPERATORS_CODES):
            return True
        if status != HTTPStatus.NOT_FOUND:
            return False
        # A 404 that is no error object comes from a web server that has no such path.
        return _error_in(said) is None or "model" in text.lower()

    def _clean(self, body: bytes) -> bytes:
        """Return what is kept of a body, without the key in use and whatever else looks like one."""
        known = (self.secret,) if self.secret else ()
        # Each byte as a character, so that what is no text survives.
        text = redacted(body[:_JUDGED_BODY_BYTES].decode("latin-1"), known)
        if self.secret:
            text = without_beginning_of(text, self.secret)
        return text.encode("latin-1")


def read_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds a ``Retry-After`` header asks for, or ``None`` where it is unreadable."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT)


def error_in(fields: object) -> object | None:
    """Return the ``error`` of a decoded answer, or ``None`` where it reports none."""
    return (fields.get("error") or None) if isinstance(fields, Mapping) else None


def _error_in(body: bytes) -> object | None:
    try:
        fields = msgspec.json.decode(body)
    except UNREADABLE:
        return None
    if isinstance(fields, list) and len(fields) == 1:  # Gemini wraps its error objects in a list
        fields = fields[0]
    if isinstance(fields, dict) and fields.get("object") == "error":
        return fields
    return error_in(fields)


def _message_in(body: bytes) -> str:
    reported = _error_in(body)
    message = reported.get("message") if isinstance(reported, Mapping) else reported
    return message[:KEPT_MESSAGE_CHARS] if isinstance(message, str) else ""


def _status_of(reported: object) -> int:
    """Guess the HTTP status of an error object: its numeric code, else the words of its type."""
    if not isinstance(reported, Mapping):
        return 500
    for name in ("code", "status"):
        code = reported.get(name)
        if isinstance(code, str) and code.isdecimal():
            code = int(code)
        if isinstance(code, int) and 400 <= code <= 599:
            return code
    words = f"{reported.get('type', '')} {reported.get('code', '')}".lower()
    return next((status for word, status in _STATUS_OF_TYPE if word in words), 500)
