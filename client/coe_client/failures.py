"""From an answer that says no, or an error inside a stream, to the error that is raised."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from coe_client import errors

LONGEST_MESSAGE = 2000

BY_STATUS: Mapping[int, type[errors.APIStatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.BudgetExceededError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    413: errors.RequestTooLargeError,
    422: errors.BadRequestError,
    429: errors.RateLimitError,
    502: errors.ExpertFailedError,
    503: errors.NotReadyError,
    504: errors.ExpertTimedOutError,
}

STATUS_BY_TYPE: Mapping[str, int] = {
    "invalid_request_error": 400,
    "insufficient_budget": 402,
    "rate_limit_error": 429,
    "expert_error": 502,
    "not_ready": 503,
    "timeout_error": 504,
}
"""The status an error inside a stream would have had outside of one."""
STATUS_BY_CODE: Mapping[str, int] = {"expert_refused_request": 400, "expert_timeout": 504}
"""The same for an error without such a type; other ``expert_...`` codes are 502, the rest 500."""


def error_from_answer(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime | None = None
) -> errors.APIStatusError:
    """Return the error an answer stands for.

    Args:
        status: HTTP status, 3xx to 5xx.
        headers: Of the answer, names in lower case.
        body: Whatever came; need not be JSON.
        now: For a ``Retry-After`` that names a date. Default: the present.
    """
    document = _decode(body)
    detail = _detail(document)
    return _kind(status)(
        _text(detail.get("message")) or f"The service answered with HTTP status {status}.",
        status=status,
        code=_text(detail.get("code")),
        type=_text(detail.get("type")),
        param=_text(detail.get("param")),
        request_id=headers.get("x-coe-request-id") or _text(detail.get("request_id")),
        body=document,
        retry_after=retry_after(headers.get("retry-after"), now or datetime.now(UTC)),
        final=headers.get("x-should-retry") == "false",
    )


def error_from_event(
    document: Mapping[str, Any], *, request_id: str | None
) -> errors.APIStatusError:
    """Return the error an ``{"error": ...}`` event inside a stream stands for.

    Args:
        document: The whole event.
        request_id: From the headers of the stream, used where the event names none.
    """
    detail = _detail(document)
    status = _status_of_event(_text(detail.get("type")) or "", _text(detail.get("code")) or "")
    return _kind(status)(
        _text(detail.get("message")) or "The service reported an error inside the stream.",
        status=status,
        code=_text(detail.get("code")),
        type=_text(detail.get("type")),
        param=_text(detail.get("param")),
        request_id=_text(detail.get("request_id")) or request_id,
        body=dict(document),
    )


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read a ``Retry-After`` header (RFC 9110, 10.2.3).

    Args:
        value: Seconds or an HTTP date.
        now: The present, with its zone.

    Returns:
        Seconds to wait, 0 for a date gone by; ``None`` where there is nothing readable.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return _seconds_until(value, now)
    return seconds if 0 <= seconds < float("inf") else None


def _seconds_until(date: str, now: datetime) -> float | None:
    import email.utils  # only here: it is slow to import and rarely needed

    try:
        moment = email.utils.parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _status_of_event(kind: str, code: str) -> int:
    of_code = STATUS_BY_CODE.get(code, 502 if code.startswith("expert_") else 500)
    return STATUS_BY_TYPE.get(kind, of_code)


def _kind(status: int) -> type[errors.APIStatusError]:
    by_default = errors.ServerError if status >= 500 else errors.APIStatusError
    return BY_STATUS.get(status, by_default)


def _decode(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")[:LONGEST_MESSAGE]


def _detail(document: Any) -> Mapping[str, Any]:
    """Find the error object; some servers send a bare sentence in its place."""
    detail = document.get("error") if isinstance(document, dict) else None
    if isinstance(detail, str):
        return {"message": detail}
    return detail if isinstance(detail, dict) else {}


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return str(value)[:LONGEST_MESSAGE]
