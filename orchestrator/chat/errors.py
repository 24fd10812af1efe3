"""An expert's failure, said in HTTP: the one place where that is decided."""

from __future__ import annotations

import math

from experts import errors
from orchestrator.kit.errors import ApiError

_STATUS: tuple[tuple[type[errors.ExpertError], int], ...] = (
    (errors.RequestRefused, 400),
    (errors.ExpertTimedOut, 504),
    (errors.ExpertError, 502),
)


def api_error(error: errors.ExpertError) -> ApiError:
    """Translate: what the caller got wrong is 400, a timeout 504, every other failure 502."""
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    called = sum(one.outcome != "skipped" for one in error.attempts)
    if called > 1:
        headers["x-coe-attempts"] = str(called)
    return ApiError(status, error.code, error.message, headers=headers)
