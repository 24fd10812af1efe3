"""Who is signed in."""

from __future__ import annotations

from coe_client.requests import Request, admin, as_model, nothing
from coe_client.types import Page, Session


def list_sessions(
    after: str | None = None,
    limit: int | None = None,
    *,
    q: str | None = None,
    tenant: str | None = None,
) -> Request[Page[Session]]:
    """List sessions."""
    path = admin("sessions", after=after, limit=limit, q=q, tenant=tenant)
    return Request("GET", path, as_model(Page[Session]))


def end_session(session_id: str) -> Request[None]:
    """End a session."""
    return Request("DELETE", admin("sessions", session_id), nothing, repeatable=False)
