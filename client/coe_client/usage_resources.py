"""The group of operations on usage, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coe_client import usage_operations as operations
from coe_client.paging import Pages
from coe_client.resources import _Group
from coe_client.types import RequestContent, UsageRecord, UsageReport
from coe_client.usage_operations import Moment


class Usage(_Group):
    """``client.usage``: what requests used, and what it cost."""

    def list(
        self,
        *,
        expert: str | None = None,
        status: str | None = None,
        page_size: int | None = None,
    ) -> Pages[UsageRecord]:
        """List records of all tenants, the latest first. Needs the role viewer.

        Args:
            expert: Only what this expert answered.
            status: Only ``ok``, ``failed``, ``blocked``, ``cancelled`` or
                ``interrupted``.
            page_size: Records fetched at a time.
        """
        return Pages(
            self._transport.send,
            lambda after: operations.list_usage(after, page_size, expert=expert, status=status),
        )

    def get(self, request_id: str) -> UsageRecord:
        """Get the record of one request of any tenant. Needs the role viewer."""
        return self._transport.send(operations.get_usage(request_id))

    def own(self, *, page_size: int | None = None, **only: str | None) -> Pages[UsageRecord]:
        """List records of the key's tenant, the latest first.

        Args:
            page_size: Records fetched at a time.
            only: ``expert`` and ``status``; with the role viewer also ``tenant``, ``*`` for all.
        """
        return Pages(
            self._transport.send,
            lambda after: operations.list_own_usage(after, page_size, **only),
        )

    def get_own(self, request_id: str) -> UsageRecord:
        """Get the record of one request of the key's tenant."""
        return self._transport.send(operations.get_own_usage(request_id))

    def content(self, request_id: str) -> RequestContent:
        """Get what was said in a request, where its tenant lets that be stored."""
        return self._transport.send(operations.get_content(request_id))

    def report(
        self,
        group_by: Sequence[str] = ("day",),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        after: str | None = None,
        limit: int | None = None,
        **only: str | None,
    ) -> UsageReport:
        """Sum up a period by group; of the key's tenant, unless ``tenant`` says otherwise.

        Args:
            group_by: Of ``day``, ``hour``, ``expert``, ``category``, ``key``, ``model``, ``policy``,
                ``api``, ``status``, ``tenant``.
            start: A day, or a moment with a time zone; by default 30 days before the end.
            end: The first moment that is no longer part of it; by default now.
            after: The ``next`` of the page before.
            limit: Groups in a page.
            only: Values by name: ``key``, ``expert``, ``category``, ``model``, ``policy``, ``api``,
                ``status``; with the role viewer also ``tenant``, ``*`` for all.
        """
        request = operations.report_usage(
            group_by, start=start, end=end, after=after, limit=limit, **only
        )
        return self._transport.send(request)

    def report_file(
        self,
        form: str = "csv",
        group_by: Sequence[str] = ("day",),
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        **only: str | None,
    ) -> bytes:
        """Get the same as a file; ``form`` is ``csv`` or ``parquet``."""
        request = operations.report_file(group_by, form, start=start, end=end, **only)
        return self._transport.send(request)

    def export(
        self,
        form: str = "csv",
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        **only: str | None,
    ) -> Iterator[bytes]:
        """Yield the records of a period, oldest first, as the pieces of a file.

        Args:
            form: ``csv``, ``jsonl`` or ``parquet``.
            start: As in :meth:`report`.
            end: As in :meth:`report`.
            only: As in :meth:`report`.
        """
        request = operations.export_usage(form, start=start, end=end, **only)
        yield from self._transport.pieces(request)
