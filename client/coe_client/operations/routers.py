"""The router in force, and router versions."""

from __future__ import annotations

import json
from typing import Any

from coe_client.errors import APIResponseInvalidError
from coe_client.requests import Answer, Request, admin, as_model, as_text
from coe_client.types import (
    Page,
    RouterComparison,
    RouterInfo,
    RouterVersion,
    RouterVersionDetail,
)


def get_router() -> Request[RouterInfo]:
    """Get the router in force."""
    return Request("GET", admin("router"), as_model(RouterInfo))


def list_routers(
    after: str | None = None, limit: int | None = None
) -> Request[Page[RouterVersion]]:
    """List router versions."""
    path = admin("routers", after=after, limit=limit)
    return Request("GET", path, as_model(Page[RouterVersion]))


def upload_router(artifact: bytes, note: str) -> Request[RouterVersion]:
    """Store an artefact. The same content is stored once, so it may be sent again."""
    path = admin("routers", note=note or None)
    return Request("POST", path, as_model(RouterVersion), bytes(artifact))


def get_router_version(version_id: str) -> Request[RouterVersionDetail]:
    """Get a router version."""
    return Request("GET", admin("routers", version_id), as_model(RouterVersionDetail))


def get_router_report(version_id: str) -> Request[dict[str, Any]]:
    """Get the evaluation report of a router version."""
    return Request("GET", admin("routers", version_id, "report"), _read_object)


def get_router_report_page(version_id: str) -> Request[str]:
    """Get the same as a page of HTML."""
    path = admin("routers", version_id, "report", format="html")
    return Request("GET", path, as_text, content_type="text/html")


def compare_router(version_id: str) -> Request[RouterComparison]:
    """Get what a shadow decided beside the live decisions."""
    path = admin("routers", version_id, "comparison")
    return Request("GET", path, as_model(RouterComparison))


def promote_router(version_id: str) -> Request[RouterVersion]:
    """Let a router version decide. Sent again it changes nothing more."""
    return Request("POST", admin("routers", version_id, "promote"), as_model(RouterVersion))


def try_router(version_id: str, how: str, share: float) -> Request[RouterVersion]:
    """Make a router version a ``shadow`` or a ``canary``."""
    path = admin("routers", version_id, how)
    return Request("POST", path, as_model(RouterVersion), {"share": share})


def retire_router(version_id: str) -> Request[RouterVersion]:
    """Take a router version out of use."""
    return Request("POST", admin("routers", version_id, "retire"), as_model(RouterVersion))


def roll_back_router() -> Request[RouterVersion]:
    """Let the router version before decide again. Sent twice it would go back two steps."""
    path = admin("routers", "rollback")
    return Request("POST", path, as_model(RouterVersion), repeatable=False)


def _read_object(answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except ValueError as error:
        raise _not_an_object(answer) from error
    if not isinstance(document, dict):
        raise _not_an_object(answer)
    return document


def _not_an_object(answer: Answer) -> APIResponseInvalidError:
    return APIResponseInvalidError(
        "The service's answer is not a JSON object.", request_id=answer.request_id
    )
