"""``client.overview``, for coroutines."""

from __future__ import annotations

from typing import Unpack

from coe_client.coroutines.group import AsyncGroup
from coe_client.operations import overview as operations
from coe_client.operations.moments import Moment
from coe_client.paging import AsyncPages
from coe_client.types import (
    ExpertFigures,
    ExpertFiguresPage,
    ExpertSearch,
    Overview,
    OverviewFilter,
)


class AsyncOverviews(AsyncGroup):
    """``client.overview``: what operators look at first. Needs the role viewer."""

    async def get(
        self,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        bucket: str | None = None,
        **only: Unpack[OverviewFilter],
    ) -> Overview:
        """Sum up a range of time, compare it with the one before, and say what needs attention now.

        Args:
            since: A day, or a moment with a time zone; by default 24 hours before ``until``.
            until: Likewise, no longer part of it; by default now.
            bucket: Of the series: ``auto``, ``minute``, ``5m``, ``15m``, ``hour``, ``6h``, ``day`` or
                ``week``.
            only: Which requests.
        """
        return await self._send(operations.get_overview(since, until, bucket, **only))

    def experts(
        self, *, page_size: int | None = None, **only: Unpack[ExpertSearch]
    ) -> AsyncPages[ExpertFigures]:
        """List the experts with their health and what they did in the last hour and day.

        Args:
            page_size: Experts fetched at a time.
            only: Which, and in which order.
        """
        return self._pages(lambda after: operations.list_expert_figures(after, page_size, **only))

    async def experts_page(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        **only: Unpack[ExpertSearch],
    ) -> ExpertFiguresPage:
        """Get one page of them, and how many there are.

        Args:
            after: The ``next`` of the page before.
            limit: Experts in a page.
            only: Which, and in which order.
        """
        return await self._send(operations.expert_figures_page(after, limit, **only))

    async def expert(self, expert_id: str) -> ExpertFigures:
        """Get one expert with its health and what it did in the last hour and day."""
        return await self._send(operations.get_expert_figures(expert_id))
