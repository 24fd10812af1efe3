"""The usage record: exactly one for every admitted request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from experts.providers.protocol import Usage
from orchestrator.kit.ids import time_of

Status = Literal["ok", "failed", "cancelled", "interrupted", "blocked"]

_NANOS_PER_USD = 1_000_000_000
_CONTENT = ("text", "prompt", "answer")
_SUMS = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_nanos",
)


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one request was, where it went, and what it cost.

    ``status`` is ``ok`` (answered), ``failed`` (an error was answered), ``blocked`` (a guardrail did
    not let it or its answer through), ``cancelled`` (the client went away) or ``interrupted`` (the
    service was killed before it could say).
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
    decision: Any = None
    """The router's, if it chose: by field or, until it is stored, as ``msgspec.Raw`` JSON."""
    error_code: str | None = None
    streamed: bool = False
    prompt_tokens: int = 0
    """Tokens read, those of a vendor's cache included."""
    completion_tokens: int = 0
    """Tokens written, reasoning included."""
    cached_tokens: int = 0
    """Of the prompt: found in the vendor's cache."""
    cache_write_tokens: int = 0
    """Of the prompt: put into the vendor's cache."""
    reasoning_tokens: int = 0
    """Of the answer: spent on reasoning."""
    tokens_estimated: bool = True
    """Whether any of them were counted by us."""
    cost_nanos: int = 0
    """Billionths of a US dollar, so that sums are exact."""
    duration_ms: float = 0.0
    first_token_ms: float | None = None
    attempts: list[dict[str, Any]] | None = None
    """The calls it took, where it was not just one at the usual price; see :func:`call_fields`."""
    guardrails: list[dict[str, Any]] | None = None
    """What guardrails did and flagged, by name; nothing of what was said."""
    cache: str | None = None
    """What the cache had of it: ``hit``, ``shared``, ``similar`` or ``miss``; ``None``: it had no part."""
    saved_tokens: int | None = None
    """Tokens that were not used, since the answer was kept."""
    saved_nanos: int | None = None
    """What these would have cost, in billionths of a US dollar."""
    session: str | None = None
    """What the caller calls the conversation it belongs to."""
    timing: dict[str, Any] | None = None
    """Where the time before its calls went, and its one call, where ``attempts`` lists none; in milliseconds."""
    steps: dict[str, Any] | None = None
    """What a strategy did for it, step by step: ``listed``, and how many are ``left_out``; nothing that was said."""
    text: str | None = None
    """What the request says, for training; only where its tenant wants that stored."""
    prompt: str | None = None
    """Its messages as JSON, likewise."""
    answer: str | None = None
    """What was answered; only where its tenant wants that stored too."""

    @property
    def started_at(self) -> datetime:
        """When the request came in: part of its id."""
        return time_of(self.request_id)

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def cost_usd(self) -> float:
        """US dollars."""
        return self.cost_nanos / _NANOS_PER_USD


def call_fields(
    expert: str, version: int | None, usage: Usage, cost_nanos: int, **more: Any
) -> dict[str, Any]:
    """Return one call of an expert as an element of a record's ``attempts``.

    Reports by expert are made of these, so what each cost is told apart.

    Args:
        expert: Its id.
        version: Of its entry, that it was priced by.
        usage: Its tokens.
        cost_nanos: Billionths of a US dollar.
        more: Whatever else is worth knowing of it, as JSON values.
    """
    return {
        "expert": expert,
        "version": version,
        **more,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "tokens_estimated": usage.estimated,
        "cost_nanos": cost_nanos,
    }


def token_fields(calls: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a record says of the tokens and the cost of all its calls together."""
    listed = list(calls)
    sums: dict[str, Any] = {name: sum(call[name] for call in listed) for name in _SUMS}
    return {**sums, "tokens_estimated": any(call["tokens_estimated"] for call in listed)}


def to_row(record: UsageRecord) -> dict[str, Any]:
    """Return the record as a row of the usage table."""
    row = {**msgspec.structs.asdict(record), "started_at": record.started_at}
    for name in _CONTENT:  # is kept apart, since it may have to be erased
        del row[name]
    return row
