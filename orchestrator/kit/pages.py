"""Lists that come in pages, and the errors every operation of the API may answer with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

T = TypeVar("T", bound=BaseModel)

Limit = Annotated[int, Query(ge=1, le=500, description="Most entries in one page.")]
After = Annotated[str | None, Query(max_length=200, description="The `next` of the page before.")]


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    object: Literal["list"] = "list"
    data: list[T]
    has_more: bool
    next: str | None


class CountedPage(Page[T], Generic[T]):
    """One page of a list of which it is known how long it is."""

    total: int = Field(description="How many there are, on all pages.")


def counted_page(
    rows: Sequence[T], limit: int, cursor: Callable[[T], str], total: int
) -> CountedPage[T]:
    """Return a page as :func:`page` does, with how many rows there are on all pages."""
    return CountedPage(total=total, **dict(page(rows, limit, cursor)))


def page(rows: Sequence[T], limit: int, cursor: Callable[[T], str]) -> Page[T]:
    """Return a page of ``limit`` rows out of ``limit + 1`` that were asked for.

    Args:
        rows: Up to ``limit + 1`` rows; the one too many only tells that there are more.
        limit: Rows in a page.
        cursor: What a row is called as the place to go on after.
    """
    more = len(rows) > limit
    data = list(rows[:limit])
    return Page(data=data, has_more=more, next=cursor(data[-1]) if more else None)


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None
    request_id: str


class ErrorBody(BaseModel):
    """An error, in OpenAI's shape."""

    error: ErrorDetail


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of an operation that may answer with these error statuses."""
    meanings = {
        400: "The request is wrong; `param` names the field.",
        401: "No API key, or an unknown one.",
        402: "A budget is used up; the message says which, and when it renews.",
        403: "The key's role does not allow this.",
        404: "There is no such thing.",
        409: "It is in the way of something else.",
        413: "The body is too large.",
        429: "A limit is reached; `Retry-After` says when to try again.",
        502: "The expert failed.",
        503: "Not ready, or no expert can serve this.",
        504: "The expert did not answer in time.",
    }
    return {status: {"model": ErrorBody, "description": meanings[status]} for status in statuses}
