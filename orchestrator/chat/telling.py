"""How a request was decided on and what it cost, as headers and as the explanation tell it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from experts.calling.attempts import Attempt
from experts.catalogue.expert import Expert
from experts.pricing import usd_text
from orchestrator.chat.target import Target
from orchestrator.usage.record import UsageRecord
from router import RoutingDecision

_encode = msgspec.json.Encoder().encode


def decision_fields(decision: RoutingDecision) -> dict[str, Any]:
    """Return a decision as it is shown to people and stored."""
    fields: dict[str, Any] = msgspec.to_builtins(_parts(decision))
    return fields


def decision_json(decision: RoutingDecision) -> msgspec.Raw:
    """Return :func:`decision_fields` as JSON, in a third of the time."""
    return msgspec.Raw(_encode(_parts(decision)))


def _parts(decision: RoutingDecision) -> dict[str, Any]:
    """Return what is told of a decision; what it builds only when looked at is built."""
    return {
        "category": decision.category,
        "probabilities": dict(decision.probabilities),
        "uncertainty": decision.uncertainty,
        "uncertainty_limit": decision.uncertainty_limit,
        "expert": decision.expert,
        "ranked": tuple(decision.ranked),
        "candidates": tuple(decision.candidates),
        "policy": decision.policy,
        "rule": decision.rule,
        "reason": decision.reason,
        "router_version": decision.router_version,
    }


def confidence(decision: RoutingDecision) -> float:
    """Return the probability of the category that was used, 0 to 1."""
    return round(decision.probabilities[decision.category], 4)


def route_headers(target: Target, expert: Expert, attempts: Sequence[Attempt]) -> dict[str, str]:
    """Return the ``x-coe-*`` headers that say where an answer came from.

    Args:
        target: Where the request went.
        expert: Who answered.
        attempts: All that was tried.
    """
    headers = {"x-coe-expert": expert.id, "x-coe-cache": "bypass", **attempt_headers(attempts)}
    moved = target.moved(expert, attempts)
    if moved is not None:
        headers["x-coe-moved"] = moved
    if target.unused_strategy is not None:
        headers["x-coe-strategy-unused"] = target.unused_strategy
    return headers | decision_headers(target.decision) if target.decision else headers


def attempt_headers(attempts: Sequence[Attempt]) -> dict[str, str]:
    """Return the header that says how many calls it took, if more than one."""
    called = sum(one.outcome != "skipped" for one in attempts)
    return {"x-coe-attempts": str(called)} if called > 1 else {}


def decision_headers(decision: RoutingDecision) -> dict[str, str]:
    """Return the ``x-coe-*`` headers that say how the router decided."""
    return {
        "x-coe-router-version": decision.router_version,
        "x-coe-category": decision.category,
        "x-coe-confidence": f"{confidence(decision):g}",
        "x-coe-policy": decision.policy,
    }


def cost_text(record: UsageRecord) -> str:
    """Return the cost in US dollars as a plain decimal."""
    return usd_text(record.cost_nanos)


def explanation(
    record: UsageRecord,
    target: Target,
    attempts: Sequence[Attempt],
    cache: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what ``"coe": {"explain": true}`` asks for.

    Args:
        record: What is on record of the request.
        target: Where it went.
        attempts: All that was tried.
        cache: What the cache had of it, if that had a part in it.
    """
    stay = target.stay
    return {
        "request_id": record.request_id,
        "decision": decision_fields(target.decision) if target.decision else None,
        "expert": record.expert,
        "policy": target.policy,
        "usage": {
            "prompt_tokens": record.prompt_tokens,
            "completion_tokens": record.completion_tokens,
            "estimated": record.tokens_estimated,
        },
        "attempts": record.attempts,
        "session": None
        if stay is None
        else {"before": stay.before, "moved": stay.reason(record.expert or "", attempts)},
        "cache": cache,
        "cost_usd": record.cost_usd,
        "duration_ms": record.duration_ms,
        "first_token_ms": record.first_token_ms,
    }


def with_extension(body: bytes, extension: dict[str, Any]) -> bytes:
    """Return a JSON object's bytes with a ``coe`` object added as its last field."""
    body = body.rstrip()
    comma = b"" if body[:-1].rstrip().endswith(b"{") else b","
    return body[:-1] + comma + b'"coe":' + msgspec.json.encode(extension) + b"}"
