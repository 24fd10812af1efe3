"""What can go wrong when the service is asked.

::

    CoeError
    ├── APIConnectionError           no answer, or it broke off
    │   └── APITimeoutError          no answer in time
    ├── APIResponseInvalidError      an answer that is not one of this service's
    ├── WebhookInvalidError          a message to a webhook that is not from this service
    └── APIStatusError               the service said no
        ├── BadRequestError          400, 422: the request is wrong; ``param`` names the field
        ├── AuthenticationError      401: no key, or one the service does not know
        ├── BudgetExceededError      402: the tenant's budget is used up
        ├── PermissionDeniedError    403: the key's role does not allow this
        ├── NotFoundError            404: no such model, expert or record
        ├── ConflictError            409: it exists already, or was changed meanwhile
        ├── RequestTooLargeError     413
        ├── RateLimitError           429: too many requests; ``retry_after`` says how long to wait
        ├── ExpertFailedError        502: the expert should have answered and did not
        ├── NotReadyError            503: the service is starting or cannot work at the moment
        ├── ExpertTimedOutError      504: the expert did not answer in time
        └── ServerError              any other 5xx: a fault of the service

An error never holds the API key.
"""

from __future__ import annotations

from typing import Any


class CoeError(Exception):
    """Anything this package raises on purpose.

    Args:
        message: One sentence for a person.
        request_id: The service's id of the request, where it was told. It finds the request in
            the service's log and usage records.
    """

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.message} (request {self.request_id})" if self.request_id else self.message


class APIConnectionError(CoeError):
    """The service could not be reached, or the connection broke before the answer was whole.

    Args:
        message: One sentence for a person.
        request_id: As for every error.
        sent: Whether the service may have received the request. A request that was certainly
            not received can be repeated without harm.
    """

    def __init__(self, message: str, *, request_id: str | None = None, sent: bool = True) -> None:
        super().__init__(message, request_id=request_id)
        self.sent = sent


class APITimeoutError(APIConnectionError):
    """No connection, no answer, or no more of it within the time allowed."""


class APIResponseInvalidError(CoeError):
    """The answer is not what this service sends: a proxy's page, broken JSON, a missing field."""


class WebhookInvalidError(CoeError):
    """A message to a webhook is not signed with its secret, or is too old. Do nothing with it."""


class APIStatusError(CoeError):
    """The service answered with an error.

    Args:
        message: The service's own sentence.
        status: HTTP status. For an error that arrived inside a stream, whose status line said
            200 before anything went wrong: the status the same error has outside of one.
        code: The service's stable name of the error.
        type: The kind of error in OpenAI's terms.
        param: The field of the request that is to blame.
        request_id: As for every error.
        body: The decoded body of the answer.
        retry_after: Seconds the service asked to be left alone, where it said so.
        final: Whether the service said that another try soon would end the same.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        type: str | None = None,  # noqa: A002 - the wire's own name
        param: str | None = None,
        request_id: str | None = None,
        body: Any = None,
        retry_after: float | None = None,
        final: bool = False,
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.status = status
        self.code = code
        self.type = type
        self.param = param
        self.body = body
        self.retry_after = retry_after
        self.final = final


class BadRequestError(APIStatusError):
    """The request is wrong; ``param`` names the field."""


class AuthenticationError(APIStatusError):
    """No API key was given, or one the service does not know, that is revoked or expired."""


class BudgetExceededError(APIStatusError):
    """The tenant's budget is used up."""


class PermissionDeniedError(APIStatusError):
    """The key's role does not allow this."""


class NotFoundError(APIStatusError):
    """No such model, expert or record."""


class ConflictError(APIStatusError):
    """It exists already, or somebody changed it meanwhile."""


class RequestTooLargeError(APIStatusError):
    """The request is larger than the service accepts."""


class RateLimitError(APIStatusError):
    """Too many requests; ``retry_after`` says how long to wait."""


class ExpertFailedError(APIStatusError):
    """The expert should have answered and did not, and no other could."""


class NotReadyError(APIStatusError):
    """The service is starting, or cannot work at the moment."""


class ExpertTimedOutError(APIStatusError):
    """The expert did not answer in time."""


class ServerError(APIStatusError):
    """A fault of the service itself."""
