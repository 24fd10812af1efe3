"""``client.router`` and ``client.routers``, for coroutines."""

from __future__ import annotations

from typing import Any

from coe_client.coroutines.group import AsyncGroup
from coe_client.coroutines.workbench import AsyncWorkbench
from coe_client.operations import routers as operations
from coe_client.paging import AsyncPages
from coe_client.types import RouterComparison, RouterInfo, RouterVersion, RouterVersionDetail


class AsyncRouter(AsyncGroup):
    """``client.router``: categories and mappings. Needs the role viewer."""

    async def get(self) -> RouterInfo:
        """Get the router in force."""
        return await self._send(operations.get_router())


class AsyncRouters(AsyncWorkbench):
    """``client.routers``: router versions. Viewers read, editors add, admins decide."""

    def list(self, *, page_size: int | None = None) -> AsyncPages[RouterVersion]:
        """List versions, the newest first, and last the one that is built in."""
        return self._pages(lambda after: operations.list_routers(after, page_size))

    async def get(self, version_id: str) -> RouterVersionDetail:
        """Get a version with its categories, and which of its experts are missing."""
        return await self._send(operations.get_router_version(version_id))

    async def upload(self, artifact: bytes, *, note: str = "") -> RouterVersion:
        """Store a packed artefact as a candidate; the same content is stored once."""
        return await self._send(operations.upload_router(artifact, note))

    async def report(self, version_id: str) -> dict[str, Any]:
        """Get the evaluation report a version came with."""
        return await self._send(operations.get_router_report(version_id))

    async def report_page(self, version_id: str) -> str:
        """Get the same as a page of HTML."""
        return await self._send(operations.get_router_report_page(version_id))

    async def comparison(self, version_id: str) -> RouterComparison:
        """Get what a version decided as a shadow, beside the live decisions."""
        return await self._send(operations.compare_router(version_id))

    async def promote(self, version_id: str) -> RouterVersion:
        """Let a version decide. Raises ``ConflictError`` where experts it needs are missing."""
        return await self._send(operations.promote_router(version_id))

    async def shadow(self, version_id: str, *, share: float = 0.1) -> RouterVersion:
        """Let a version decide beside the live ones, for a share of the requests, unused."""
        return await self._send(operations.try_router(version_id, "shadow", share))

    async def canary(self, version_id: str, *, share: float) -> RouterVersion:
        """Let a version decide for a share of the requests."""
        return await self._send(operations.try_router(version_id, "canary", share))

    async def rollback(self) -> RouterVersion:
        """Let the version that was active before decide again."""
        return await self._send(operations.roll_back_router())

    async def retire(self, version_id: str) -> RouterVersion:
        """Take a version out of use; it is kept."""
        return await self._send(operations.retire_router(version_id))
