"""Where the rows of a list come from: page by page from the API, or all at once where there are few."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from coe_client.paging import AsyncPages

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query:
    """What of a list is asked for.

    Args:
        search: Text typed; empty: none.
        filters: Chosen values by filter; those not chosen are absent.
        sort: Name of what is sorted by; empty: the source's own order.
        descending: Whether the largest comes first.
        after: Where the page begins; ``None``: the first.
        limit: Rows of a page.
    """

    search: str = ""
    filters: dict[str, str] = field(default_factory=dict)
    sort: str = ""
    descending: bool = False
    after: str | None = None
    limit: int = 50

    @property
    def order(self) -> str | None:
        """What is sorted by as the API calls it: with a ``-`` before it the largest comes first."""
        return (f"-{self.sort}" if self.descending else self.sort) or None


@dataclass(frozen=True)
class Rows(Generic[T]):
    """A page of rows.

    Args:
        rows: The rows.
        next: Where the next page begins; ``None``: there is none.
        total: How many there are on all pages, if that is known.
    """

    rows: Sequence[T]
    next: str | None = None
    total: int | None = None


Source = Callable[[Query], Awaitable[Rows[T]]]


def paged(pages: Callable[[Query], AsyncPages[T]]) -> Source[T]:
    """Return a source that leaves searching, filtering, sorting and paging to the API.

    Args:
        pages: From what is asked for to the SDK's list; it takes ``page_size=query.limit``.
    """

    async def fetch(query: Query) -> Rows[T]:
        page = await pages(query).page(query.after)
        total = getattr(page, "total", None)
        return Rows(page.data, page.next if page.has_more else None, total)

    return fetch


def whole(
    rows: Callable[[], Awaitable[Sequence[T]]],
    *,
    text: Callable[[T], str],
    values: dict[str, Callable[[T], Any]] | None = None,
    matches: dict[str, Callable[[T, str], bool]] | None = None,
) -> Source[T]:
    """Return a source that reads all rows and searches, filters, sorts and pages here.

    Args:
        rows: Reads them.
        text: What of a row is searched.
        values: What is sorted by, by name; ``None`` values come last.
        matches: By filter, whether a row has the chosen value.
    """

    async def fetch(query: Query) -> Rows[T]:
        found = select(await rows(), query, text=text, values=values or {}, matches=matches or {})
        start = int(query.after or 0)
        end = start + query.limit
        return Rows(found[start:end], str(end) if end < len(found) else None, len(found))

    return fetch


def select(
    rows: Sequence[T],
    query: Query,
    *,
    text: Callable[[T], str],
    values: dict[str, Callable[[T], Any]],
    matches: dict[str, Callable[[T, str], bool]],
) -> list[T]:
    """Return the rows that are asked for, in order; the arguments are those of :func:`whole`."""
    words = query.search.casefold().split()
    found = [
        row
        for row in rows
        if all(word in text(row).casefold() for word in words)
        and all(
            matches[name](row, value) for name, value in query.filters.items() if name in matches
        )
    ]
    by = values.get(query.sort)
    if by is None:
        return found
    known = [row for row in found if by(row) is not None]
    unknown = [row for row in found if by(row) is None]
    return sorted(known, key=by, reverse=query.descending) + unknown


async def every(source: Source[T], query: Query, most: int) -> AsyncIterator[T]:
    """Yield the rows of all pages.

    Args:
        source: Where from.
        query: What is asked for.
        most: How many at most.
    """
    given, query = 0, replace(query, after=None, limit=200)
    while True:
        page = await source(query)
        for row in page.rows:
            if given == most:
                return
            given += 1
            yield row
        if page.next is None:
            return
        query = replace(query, after=page.next)


async def gathered(pages: AsyncPages[T], most: int = 2_000) -> list[T]:
    """Return the records of a list, at most so many of them."""
    found: list[T] = []
    async for record in pages:
        if len(found) == most:
            break
        found.append(record)
    return found
