"""``client.router`` and ``client.routers``, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from typing import Any

from coe_client.operations import routers as operations
from coe_client.paging import Pages
from coe_client.threads.group import Group
from coe_client.threads.workbench import Workbench
from coe_client.types import RouterComparison, RouterInfo, RouterVersion, RouterVersionDetail


class Router(Group):
    """``client.router``: categories and mappings. Needs the role viewer."""

    def get(self) -> RouterInfo:
        """Get the router in force."""
        return self._send(operations.get_router())


class Routers(Workbench):
    """``client.routers``: router versions. Viewers read, editors add, admins decide."""

    def list(self, *, page_size: int | None = None) -> Pages[RouterVersion]:
        """List versions, the newest first, and last the one that is built in."""
        return self._pages(lambda after: operations.list_routers(after, page_size))

    def get(self, version_id: str) -> RouterVersionDetail:
        """Get a version with its categories, and which of its experts are missing."""
        return self._send(operations.get_router_version(version_id))

    def upload(self, artifact: bytes, *, note: str = "") -> RouterVersion:
        """Store a packed artefact as a candidate; the same content is stored once."""
        return self._send(operations.upload_router(artifact, note))

    def report(self, version_id: str) -> dict[str, Any]:
        """Get the evaluation report a version came with."""
        return self._send(operations.get_router_report(version_id))

    def report_page(self, version_id: str) -> str:
        """Get the same as a page of HTML."""
        return self._send(operations.get_router_report_page(version_id))

    def comparison(self, version_id: str) -> RouterComparison:
        """Get what a version decided as a shadow, beside the live decisions."""
        return self._send(operations.compare_router(version_id))

    def promote(self, version_id: str) -> RouterVersion:
        """Let a version decide. Raises ``ConflictError`` where experts it needs are missing."""
        return self._send(operations.promote_router(version_id))

    def shadow(self, version_id: str, *, share: float = 0.1) -> RouterVersion:
        """Let a version decide beside the live ones, for a share of the requests, unused."""
        return self._send(operations.try_router(version_id, "shadow", share))

    def canary(self, version_id: str, *, share: float) -> RouterVersion:
        """Let a version decide for a share of the requests."""
        return self._send(operations.try_router(version_id, "canary", share))

    def rollback(self) -> RouterVersion:
        """Let the version that was active before decide again."""
        return self._send(operations.roll_back_router())

    def retire(self, version_id: str) -> RouterVersion:
        """Take a version out of use; it is kept."""
        return self._send(operations.retire_router(version_id))
