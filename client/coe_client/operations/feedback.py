"""What answers were worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from coe_client.requests import Request, admin, as_model, as_text, given, v1
from coe_client.types import ContentChoice, Feedback, FeedbackRecord, Page, Scores


def give_feedback(request_id: str, **said: Any) -> Request[Feedback]:
    """Say what an answer was worth."""
    body = {"request_id": request_id, **given(**said)}
    return Request("POST", v1("feedback"), as_model(Feedback), body)


def list_feedback(
    after: str | None = None, limit: int | None = None
) -> Request[Page[FeedbackRecord]]:
    """List feedback."""
    path = admin("feedback", after=after, limit=limit)
    return Request("GET", path, as_model(Page[FeedbackRecord]))


def list_feedback_scores() -> Request[Scores]:
    """Get the candidate scores as they were last computed."""
    return Request("GET", admin("feedback", "scores"), as_model(Scores))


def compute_feedback_scores(days: int | None) -> Request[Scores]:
    """Compute the candidate scores anew."""
    return Request("POST", admin("feedback", "scores", days=days), as_model(Scores))


def export_feedback(days: int | None) -> Request[str]:
    """Get what feedback says as a data set of JSON lines."""
    path = admin("feedback", "export", days=days)
    return Request("GET", path, as_text, content_type="application/x-ndjson")


def get_content_choice(tenant: str) -> Request[ContentChoice]:
    """Ask whether texts of a tenant's callers are stored."""
    return Request("GET", admin("feedback", "content", tenant), as_model(ContentChoice))


def set_content_choice(
    tenant: str,
    *,
    store: bool | None = None,
    level: str | None = None,
    retention_days: int | None = None,
    patterns: Sequence[str] = (),
) -> Request[ContentChoice]:
    """Store what a tenant's callers and experts say, or erase it."""
    body: dict[str, Any] = {"retention_days": retention_days, "patterns": list(patterns)}
    body |= {"level": level} if level is not None else {"store": store}
    path = admin("feedback", "content", tenant)
    return Request("PUT", path, as_model(ContentChoice), body)
