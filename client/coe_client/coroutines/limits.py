"""The group of operations on limits, for coroutines."""

from __future__ import annotations

from coe_client.coroutines.group import AsyncGroup
from coe_client.operations import limits as operations
from coe_client.paging import AsyncPages
from coe_client.types import LimitsRecord


class AsyncLimits(AsyncGroup):
    """``client.limits``: what tenants and keys may use. Needs viewer; admin to change."""

    def list(self, *, page_size: int | None = None) -> AsyncPages[LimitsRecord]:
        """List limits by tenant; ``page_size`` are fetched at a time."""
        return self._pages(lambda after: operations.list_limits(after, page_size))

    async def get(self, *, tenant: str | None = None, key_id: str | None = None) -> LimitsRecord:
        """Get the limits of a tenant or a key, and what is used of them."""
        return await self._send(operations.get_limits(tenant, key_id))

    async def set(
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
        return await self._send(operations.set_limits(tenant, key_id, limits))

    async def remove(self, *, tenant: str | None = None, key_id: str | None = None) -> None:
        """Take the limits of a tenant or a key away."""
        await self._send(operations.remove_limits(tenant, key_id))
