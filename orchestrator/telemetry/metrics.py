"""Counts of what this process has answered, from the usage record of each request.

Labels are bounded: experts and categories are an operator's, all else is a short list of ours. Tenants,
keys and model names as clients write them are no labels; usage reports tell those apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client.metrics_core import Metric

from orchestrator.kit import logs_context
from orchestrator.telemetry.counting import Counts, Times
from orchestrator.telemetry.residency import ResidencyMetrics
from orchestrator.usage.record import UsageRecord

NONE = "none"
"""A label where there is nothing to name."""
_NANOS_PER_USD = 1e9
_KINDS = ("prompt", "completion", "cached", "reasoning")


class Metrics:
    """The counts of one process since its start."""

    def __init__(self) -> None:
        self._requests = Counts(
            "coe_requests",
            "Requests answered or given up, by who answered, how it ended and the protocol.",
            ("expert", "status", "api"),
        )
        self._routed = Counts(
            "coe_routed_requests",
            "Requests that the router decided, by category and policy.",
            ("category", "policy"),
        )
        self._errors = Counts(
            "coe_request_errors", "Requests that ended with an error, by its code.", ("code",)
        )
        self._calls = Counts(
            "coe_expert_calls",
            "Calls of experts, retries and fallbacks included, by what came of them.",
            ("expert", "outcome"),
        )
        self._tokens = Counts(
            "coe_tokens",
            "Tokens read and written; cached and reasoning ones are among these.",
            ("expert", "kind"),
        )
        self._cost = Counts("coe_cost_usd", "US dollars of all calls.", ("expert",))
        self._cached = Counts(
            "coe_cache_requests",
            "Requests that the cache had a part in, by what came of it.",
            ("outcome",),
        )
        self._saved = Counts(
            "coe_cache_saved_usd",
            "US dollars that kept answers would have cost again.",
            ("expert",),
        )
        self._seconds = Times(
            "coe_request_duration_seconds",
            "Time from a request to the end of its answer.",
            ("streamed",),
        )
        self._first_token = Times(
            "coe_first_token_seconds",
            "Time from a request to the first token of its stream, by who answered.",
            ("expert",),
        )
        self.residency = ResidencyMetrics()

    def families(self) -> list[Metric]:
        """Return all of them as Prometheus reads them; from any thread."""
        counts = (self._requests, self._routed, self._errors, self._calls, self._tokens, self._cost)
        cached = (self._cached, self._saved)
        times = (self._seconds, self._first_token)
        found = [each.family() for each in (*counts, *cached, *times)]
        return [*found, *self.residency.families()]

    def seen(self, record: UsageRecord) -> None:
        """Count a request that has ended."""
        expert = record.expert or NONE
        self._requests.add(expert, record.status, record.api)
        if record.category is not None:
            self._routed.add(record.category, record.policy or NONE)
        if record.error_code is not None:
            self._errors.add(record.error_code)
        if record.cache is not None:
            self._cached.add(record.cache)
            self._saved.add(expert, amount=(record.saved_nanos or 0) / _NANOS_PER_USD)
        example = _example(record)
        streamed = "true" if record.streamed else "false"
        self._seconds.add(streamed, seconds=record.duration_ms / 1000, example=example)
        if record.first_token_ms is not None:
            seconds = record.first_token_ms / 1000
            self._first_token.add(expert, seconds=seconds, example=example)
        if record.attempts is None:
            if record.expert is not None:
                self._called(expert, record.error_code or record.status, _spent(record))
            return
        for call in record.attempts:
            self._called(call["expert"], call.get("error") or call.get("outcome", "ok"), call)

    def _called(self, expert: str, outcome: str, call: Mapping[str, Any]) -> None:
        self._calls.add(expert, outcome)
        self._cost.add(expert, amount=call["cost_nanos"] / _NANOS_PER_USD)
        for kind in _KINDS:
            tokens = call[f"{kind}_tokens"]
            if tokens:
                self._tokens.add(expert, kind, amount=tokens)


def _example(record: UsageRecord) -> dict[str, str]:
    """Return what finds a request: its id, and the trace it is in, if that is sent somewhere."""
    found = {"request_id": record.request_id}
    trace = logs_context.trace_ids()
    return found if not trace else {"trace_id": trace["trace_id"], **found}


def _spent(record: UsageRecord) -> dict[str, int]:
    return {
        "cost_nanos": record.cost_nanos,
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "cached_tokens": record.cached_tokens,
        "reasoning_tokens": record.reasoning_tokens,
    }
