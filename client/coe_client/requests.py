"""A request and an answer as plain values, and the way from one's bytes to a type."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from coe_client.errors import APIResponseInvalidError
from coe_client.types.base import WireModel

T = TypeVar("T")
M = TypeVar("M", bound=WireModel)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. ``headers`` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def request_id(self) -> str | None:
        """The service's id of the request."""
        return self.headers.get("x-coe-request-id")


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One operation of the API, ready to be sent.

    Args:
        method: HTTP method.
        path: From the root of the service, query included.
        read: Makes the typed result out of the answer.
        body: JSON document, bytes, a file (:mod:`coe_client.uploads`), or ``None``. May hold a secret,
            so it has no place in a repr.
        repeatable: Whether doing it twice equals doing it once (:mod:`coe_client.retries`).
        accept: Statuses from 400 that are an answer, not an error.
        content_type: Of the answer that is expected.
    """

    method: str
    path: str
    read: Callable[[Answer], T]
    body: Any = field(default=None, repr=False)
    repeatable: bool = True
    accept: frozenset[int] = frozenset()
    content_type: str = "application/json"

    def succeeded(self, status: int) -> bool:
        """Tell an answer from an error."""
        return 200 <= status < 300 or status in self.accept

    def content(self) -> bytes | None:
        """The body's bytes.

        Raises:
            TypeError: A value is not one of JSON's.
            ValueError: A number is not finite, or a text is no Unicode.
        """
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        text = json.dumps(self.body, ensure_ascii=False, allow_nan=False, default=_plain)
        return text.encode()


Query = str | int | float | None


def path_of(*segments: str, query: Mapping[str, Query] | None = None) -> str:
    """Build a path out of segments that may hold any character.

    Raises:
        ValueError: A segment is empty or would climb up the path.
    """
    for segment in segments:
        if segment in {"", ".", ".."}:
            raise ValueError(f"{segment!r} is not an id")
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def v1(*segments: str, **query: Query) -> str:
    """Build a path below ``/v1``, as :func:`path_of`."""
    return path_of("v1", *segments, query=query)


def admin(*segments: str, **query: Query) -> str:
    """Build a path below ``/admin/api``, as :func:`path_of`."""
    return path_of("admin", "api", *segments, query=query)


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that are not ``None``."""
    return {name: value for name, value in fields.items() if value is not None}


def as_model(kind: type[M]) -> Callable[[Answer], M]:
    """Return a reader that makes the answer's JSON a ``kind``."""

    def read(answer: Answer) -> M:
        return parse(kind, answer.body, request_id=answer.request_id)

    return read


def parse(kind: type[M], document: bytes | str, *, request_id: str | None) -> M:
    """Make a JSON document a ``kind``.

    Raises:
        APIResponseInvalidError: It is no JSON, or lacks what makes it a ``kind``.
    """
    try:
        return kind.model_validate_json(document)
    except ValidationError as error:
        raise APIResponseInvalidError(
            f"The service's answer is not a {kind.__name__}: {_first_fault(error)}.",
            request_id=request_id,
        ) from error


def as_text(answer: Answer) -> str:
    """Read an answer that is a text."""
    return answer.body.decode("utf-8", errors="replace")


def as_bytes(answer: Answer) -> bytes:
    """Read an answer that is a file."""
    return answer.body


def nothing(answer: Answer) -> None:
    """Read an answer that has no body."""


def _plain(value: Any) -> Any:
    """Turn what may stand in a body beside JSON's own types into those."""
    if isinstance(value, WireModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, date):  # or a moment
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} cannot be part of a request")


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else fault["msg"]
