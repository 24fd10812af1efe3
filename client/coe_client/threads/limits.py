"""The group of operations on limits, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from coe_client.operations import limits as operations
from coe_client.paging import Pages
from coe_client.threads.group import Group
from coe_client.types import LimitsRecord


class Limits(Group):
    """``client.limits``: what tenants and keys may use. Needs viewer; admin to change."""

    def list(self, *, page_size: int | None = None) -> Pages[LimitsRecord]:
        """List limits by tenant; ``page_size`` are fetched at a time."""
        return self._pages(lambda after: operations.list_limits(after, page_size))

    def get(self, *, tenant: str | None = None, key_id: str | None = None) -> LimitsRecord:
        """Get the limits of a tenant or a key, and what is used of them."""
        return self._send(operations.get_limits(tenant, key_id))

    def set(
        self,
        *,
        tenant: str | None = None,
        key_id: str | None = None,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        concurrent_requests: int | None = None,
        usd_per_day: float | None = None,
        usd_per_month: float | None = None,
    ) -> LimitsRecord:
        """Set limits in place of those before; what is left out is not limited.

        Args:
            tenant: Whose, all keys together; or
            key_id: of which key.
            requests_per_minute: In any 60 seconds.
            tokens_per_minute: Read and written, in any 60 seconds.
            concurrent_requests: Under way at once.
            usd_per_day: US dollars in a day (UTC).
            usd_per_month: US dollars in a month (UTC).
        """
        limits = {
            "requests_per_minute": requests_per_minute,
            "tokens_per_minute": tokens_per_minute,
            "concurrent_requests": concurrent_requests,
            "usd_per_day": usd_per_day,
            "usd_per_month": usd_per_month,
        }
        return self._send(operations.set_limits(tenant, key_id, limits))

    def remove(self, *, tenant: str | None = None, key_id: str | None = None) -> None:
        """Take the limits of a tenant or a key away."""
        self._send(operations.remove_limits(tenant, key_id))
