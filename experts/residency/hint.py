"""What is known of a request before its expert is called, for whoever decides about memory."""

from __future__ import annotations

from contextvars import ContextVar

CATEGORY: ContextVar[str | None] = ContextVar("residency_category", default=None)
"""The category that the router put the request at hand into; set where it is routed."""
