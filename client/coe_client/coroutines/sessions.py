"""The group of operations on sessions, for coroutines."""

from __future__ import annotations

from coe_client.coroutines.group import AsyncGroup
from coe_client.operations import sessions as operations
from coe_client.paging import AsyncPages
from coe_client.types import Session


class AsyncSessions(AsyncGroup):
    """``client.sessions``: who is signed in. Needs the role admin."""

    def list(
        self, *, q: str | None = None, tenant: str | None = None, page_size: int | None = None
    ) -> AsyncPages[Session]:
        """List the sessions that work, the latest first.

        Args:
            q: Only those with this text in name, address, browser or ids.
            tenant: Only those of this tenant.
            page_size: Sessions fetched at a time.
        """
        return self._pages(
            lambda after: operations.list_sessions(after, page_size, q=q, tenant=tenant)
        )

    async def end(self, session_id: str) -> None:
        """End a session, on every replica within a second."""
        await self._send(operations.end_session(session_id))
