"""Lists that fetch their next page when it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Generic, TypeVar

from coe_client.errors import APIResponseInvalidError
from coe_client.requests import Request
from coe_client.types.paging import Page

T = TypeVar("T")
PageRequest = Callable[[str | None], Request[Page[T]]]
"""From the cursor of a page (``None``: the first) to the request for it."""


def _next_cursor(page: Page[T], cursor: str | None) -> str | None:
    """Return where the next page begins, ``None`` after the last.

    Raises:
        APIResponseInvalidError: The service would send the client round in a circle.
    """
    if not page.has_more:
        return None
    if page.next is None or page.next == cursor:
        raise APIResponseInvalidError("The service says that there is more, but not where.")
    return page.next


class Pages(Generic[T]):
    """All records of a list. Every iteration starts anew and asks page by page.

    Args:
        send: Sends a request.
        request: Builds the request for a page.
    """

    def __init__(
        self, send: Callable[[Request[Page[T]]], Page[T]], request: PageRequest[T]
    ) -> None:
        self._send = send
        self._request = request

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.data

    def page(self, after: str | None = None) -> Page[T]:
        """Return one page.

        Args:
            after: The ``next`` of the page before; ``None``: the first page.
        """
        return self._send(self._request(after))

    def pages(self) -> Iterator[Page[T]]:
        """Yield the pages one by one."""
        cursor: str | None = None
        while True:
            page = self._send(self._request(cursor))
            yield page
            cursor = _next_cursor(page, cursor)
            if cursor is None:
                return


class AsyncPages(Generic[T]):
    """All records of a list, as :class:`Pages`, to be read with ``async for``."""

    def __init__(
        self, send: Callable[[Request[Page[T]]], Awaitable[Page[T]]], request: PageRequest[T]
    ) -> None:
        self._send = send
        self._request = request

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for record in page.data:
                yield record

    async def page(self, after: str | None = None) -> Page[T]:
        """Return one page, as :meth:`Pages.page`."""
        return await self._send(self._request(after))

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Yield the pages one by one."""
        cursor: str | None = None
        while True:
            page = await self._send(self._request(cursor))
            yield page
            cursor = _next_cursor(page, cursor)
            if cursor is None:
                return
