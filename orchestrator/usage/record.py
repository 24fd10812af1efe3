"""The usage record: exactly one for every admitted request."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from orchestrator.kit.ids import time_of

Status = Literal["ok", "failed", "cancelled", "interrupted"]

_NANOS_PER_USD = 1_000_000_000


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one request was, where it went, and what it cost.

    ``status`` is ``ok`` (answered), ``failed`` (an error was answered), ``cancelled`` (the client
    went away) or ``interrupted`` (the service was killed before it could say).
    """

    request_id: str
    tenant: str
    key_id: str
    api: str
    model: str
    status: Status = "interrupted"
    policy: str | None = None
    category: str | None = None
    confidence: float | None = None
    expert: str | None = None
    expert_version: int | None = None
    router_version: str | None = None
    decision: dict[str, Any] | None = None
    error_code: str | None = None
    streamed: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tokens_estimated: bool = True
    cost_nanos: int = 0
    """Billionths of a US dollar, so that sums are exact."""
    duration_ms: float = 0.0
    first_token_ms: float | None = None
    text: str | None = None
    """What the request says, for training; only where its tenant wants that stored."""

    @property
    def started_at(self) -> datetime:
        """When the request came in: part of its id."""
        return time_of(self.request_id)

    @property
    def cost_usd(self) -> float:
        """US dollars."""
        return self.cost_nanos / _NANOS_PER_USD


def cost_in_nanos(
    prompt_tokens: int, completion_tokens: int, price_in: float, price_out: float
) -> int:
    """Return the cost in billionths of a dollar.

    Args:
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written.
        price_in: US dollars per million tokens read.
        price_out: US dollars per million tokens written.
    """
    return round((prompt_tokens * price_in + completion_tokens * price_out) * 1000)


def to_row(record: UsageRecord) -> dict[str, Any]:
    """Return the record as a row of the usage table."""
    row = {**msgspec.structs.asdict(record), "started_at": record.started_at}
    del row["text"]  # is kept apart, since it may have to be erased
    return row
