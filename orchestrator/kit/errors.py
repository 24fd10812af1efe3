"""The one error the API raises on purpose, and its shape on the wire (OpenAI's)."""

from __future__ import annotations

from typing import Any

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_budget",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    502: "expert_error",
    503: "not_ready",
    504: "timeout_error",
}


class ApiError(Exception):
    """An expected failure with a status, a stable code and a sentence for a person.

    Args:
        status: HTTP status, 400..599.
        code: Stable machine-readable code, listed in ``docs/reference/errors.md``.
        message: What is wrong and, where it helps, what to do.
        param: The field that is wrong, as a path such as ``messages[2].role``.
        headers: Extra response headers such as ``Retry-After``.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.headers = headers or {}

    def _other_type(self) -> str:
        return "server_error" if self.status >= 500 else "invalid_request_error"

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the error as OpenAI's clients expect it, with the request id beside it."""
        return {
            "error": {
                "message": self.message,
                "type": _TYPES.get(self.status, self._other_type()),
                "param": self.param,
                "code": self.code,
                "request_id": request_id,
            }
        }


class StartError(Exception):
    """The service cannot start; the message says why and what to do."""
