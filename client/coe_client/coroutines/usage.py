"""``client.usage``, for coroutines."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Unpack

from coe_client.coroutines.group import AsyncGroup
from coe_client.operations import usage as operations
from coe_client.operations.moments import Moment
from coe_client.paging import AsyncPages
from coe_client.types import (
    RequestContent,
    RequestDetail,
    UsageDetail,
    UsageFilter,
    UsagePage,
    UsageRecord,
    UsageReport,
    UsageSearch,
)


class AsyncUsage(AsyncGroup):
    """``client.usage``: what requests used, and what it cost."""

    def list(
        self,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        page_size: int | None = None,
        **only: Unpack[UsageSearch],
    ) -> AsyncPages[UsageRecord]:
        """List requests of all tenants, the latest first unless ``sort`` says otherwise. Needs viewer.

        Args:
            since: A day, or a moment with a time zone.
            until: Likewise, no longer part of it.
            page_size: Records fetched at a time.
            only: Which, and in which order.
        """
        return self._pages(
            lambda after: operations.list_usage(after, page_size, since, until, **only)
        )

    async def page(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        **only: Unpack[UsageSearch],
    ) -> UsagePage:
        """Get one page of them, and how many there are. Needs the role viewer.

        Args:
            after: The ``next`` of the page before.
            limit: Records in a page.
            since: As in :meth:`list`.
            until: As in :meth:`list`.
            only: As in :meth:`list`.
        """
        return await self._send(operations.usage_page(after, limit, since, until, **only))

    def export_list(
        self,
        form: str = "csv",
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        **only: Unpack[UsageSearch],
    ) -> AsyncGenerator[bytes]:
        """Yield all of them as the pieces of a file, in their order. Needs the role viewer.

        ``form`` is ``csv``, ``jsonl`` or ``parquet``; the others are as in :meth:`list`.
        """
        return self._pieces(operations.export_list(form, since, until, **only))

    async def get(self, request_id: str) -> RequestDetail:
        """Get all that is on record of one request of any tenant. Needs the role viewer."""
        return await self._send(operations.get_usage(request_id))

    def own(
        self,
        *,
        expert: str | None = None,
        status: str | None = None,
        tenant: str | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[UsageRecord]:
        """List records of the key's tenant, the latest first.

        Args:
            expert: Only what this expert answered.
            status: Only ``ok``, ``failed``, ``blocked``, ``cancelled`` or ``interrupted``.
            tenant: With the role viewer: another one, ``*`` for all.
            page_size: Records fetched at a time.
        """
        only = {"expert": expert, "status": status, "tenant": tenant}
        return self._pages(lambda after: operations.list_own_usage(after, page_size, **only))

    async def get_own(self, request_id: str) -> UsageDetail:
        """Get the record of one request of the key's tenant."""
        return await self._send(operations.get_own_usage(request_id))

    async def content(self, request_id: str) -> RequestContent:
        """Get what was said in a request, where its tenant lets that be stored."""
        return await self._send(operations.get_content(request_id))

    async def report(
        self,
        group_by: Sequence[str] = ("day",),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        after: str | None = None,
        limit: int | None = None,
        **only: Unpack[UsageFilter],
    ) -> UsageReport:
        """Sum up a period by group; of the key's tenant, unless ``tenant`` says otherwise.

        Args:
            group_by: Of ``day``, ``hour``, ``expert``, ``category``, ``key``, ``model``, ``policy``,
                ``api``, ``status``, ``tenant``.
            start: A day, or a moment with a time zone; by default 30 days before the end.
            end: The first moment that is no longer part of it; by default now.
            after: The ``next`` of the page before.
            limit: Groups in a page.
            only: Which requests; with the role viewer also ``tenant``, ``*`` for all.
        """
        request = operations.report_usage(
            group_by,
            start=start,
            end=end,
            after=after,
            limit=limit,
            **only,
        )
        return await self._send(request)

    async def report_file(
        self,
        form: str = "csv",
        group_by: Sequence[str] = ("day",),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        **only: Unpack[UsageFilter],
    ) -> bytes:
        """Get the same as a file; ``form`` is ``csv`` or ``parquet``."""
        request = operations.report_file(
            group_by,
            form,
            start=start,
            end=end,
            **only,
        )
        return await self._send(request)

    def export(
        self,
        form: str = "csv",
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        **only: Unpack[UsageFilter],
    ) -> AsyncGenerator[bytes]:
        """Yield the records of a period, oldest first, as the pieces of a file.

        ``form`` is ``csv``, ``jsonl`` or ``parquet``; the others are as in :meth:`report`.
        """
        request = operations.export_usage(
            form,
            start=start,
            end=end,
            **only,
        )
        return self._pieces(request)
