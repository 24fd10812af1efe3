"""Follows one request from its start to its usage record, and explains it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from experts.providers.protocol import Usage
from orchestrator.chat.target import Target
from orchestrator.tenants.keys import Principal
from orchestrator.usage.journal import UsageJournal
from orchestrator.usage.record import Status, UsageRecord, cost_in_nanos
from router import RoutingDecision


def decision_fields(decision: RoutingDecision) -> dict[str, Any]:
    """Return a decision as it is shown to people and stored."""
    fields: dict[str, Any] = msgspec.to_builtins(decision, enc_hook=_plain)
    fields.pop("text_excerpt", None)
    return fields


def _plain(value: object) -> Any:
    """Return what a decision builds only when it is looked at."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return tuple(value)
    raise NotImplementedError(f"{type(value).__name__} is not part of a decision")


def _storable(text: str) -> str:
    """Return a text without what Postgres or JSON cannot hold; a router reads nothing in it."""
    return text.replace("\x00", " ").encode(errors="replace").decode()


class Account:
    """One admitted request: opened once, closed once.

    Args:
        journal: Makes it durable.
        principal: Who asks.
        request_id: The request's id.
        api: Name of the endpoint, such as ``chat.completions``.
        model: The model as the caller named it.
        target: Where it goes.
        streamed: Whether the answer is streamed.
        prompt_tokens: Estimate, until the expert says better.
        text: What it says, where its tenant wants that stored.
    """

    def __init__(
        self,
        journal: UsageJournal,
        principal: Principal,
        *,
        request_id: str,
        api: str,
        model: str,
        target: Target,
        streamed: bool,
        prompt_tokens: int,
        text: str | None = None,
    ) -> None:
        self._journal = journal
        self._target = target
        self._text = None if text is None else _storable(text)
        self._began = time.perf_counter()
        self._first_token: float | None = None
        self._closed: UsageRecord | None = None
        decision = target.decision
        self._record = UsageRecord(
            request_id=request_id,
            tenant=principal.tenant,
            key_id=principal.key_id,
            api=api,
            model=model,
            policy=target.policy,
            category=decision.category if decision else None,
            confidence=confidence(decision) if decision else None,
            expert=target.expert.id,
            expert_version=target.version,
            router_version=decision.router_version if decision else None,
            decision=decision_fields(decision) if decision else None,
            streamed=streamed,
            prompt_tokens=prompt_tokens,
            cost_nanos=self._cost(prompt_tokens, 0),
        )

    async def open(self) -> None:
        """Note that the expert is about to be called."""
        await self._journal.open(self._record)

    def first_token(self) -> None:
        """Note that the first piece of the answer is here."""
        if self._first_token is None:
            self._first_token = time.perf_counter()

    async def close(
        self,
        status: Status,
        *,
        usage: Usage | None = None,
        produced: int = 0,
        error_code: str | None = None,
    ) -> UsageRecord:
        """Make the final record durable; a second call changes nothing.

        Args:
            status: How it ended.
            usage: What the expert counted, if it did.
            produced: Pieces of answer that were sent, an estimate of its tokens without ``usage``.
            error_code: Why it failed.
        """
        if self._closed is not None:
            return self._closed
        prompt = usage.prompt_tokens if usage else self._billable_prompt(status)
        completion = usage.completion_tokens if usage else produced
        now = time.perf_counter()
        first = self._first_token
        self._closed = msgspec.structs.replace(
            self._record,
            status=status,
            error_code=error_code,
            prompt_tokens=prompt,
            completion_tokens=completion,
            tokens_estimated=usage is None,
            cost_nanos=self._cost(prompt, completion),
            duration_ms=round((now - self._began) * 1000, 3),
            first_token_ms=None if first is None else round((first - self._began) * 1000, 3),
            text=self._text,
        )
        await self._journal.close(self._closed)
        return self._closed

    def _billable_prompt(self, status: Status) -> int:
        # An expert that failed has billed nothing that we know of.
        return 0 if status == "failed" and self._first_token is None else self._record.prompt_tokens

    def _cost(self, prompt_tokens: int, completion_tokens: int) -> int:
        price = self._target.expert.price
        return cost_in_nanos(prompt_tokens, completion_tokens, price.input, price.output)


def confidence(decision: RoutingDecision) -> float:
    """Return the probability of the category that was used, 0 to 1."""
    return round(decision.probabilities[decision.category], 4)


def route_headers(target: Target) -> dict[str, str]:
    """Return the ``x-coe-*`` headers that say where an answer came from."""
    headers = {"x-coe-expert": target.expert.id, "x-coe-cache": "miss"}
    return headers | decision_headers(target.decision) if target.decision else headers


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
    return f"{record.cost_nanos / 1e9:.9f}".rstrip("0").rstrip(".")


def explanation(record: UsageRecord, target: Target) -> dict[str, Any]:
    """Return what ``"coe": {"explain": true}`` asks for."""
    return {
        "request_id": record.request_id,
        "decision": decision_fields(target.decision) if target.decision else None,
        "expert": target.expert.id,
        "policy": target.policy,
        "usage": {
            "prompt_tokens": record.prompt_tokens,
            "completion_tokens": record.completion_tokens,
            "estimated": record.tokens_estimated,
        },
        "cost_usd": record.cost_usd,
        "duration_ms": record.duration_ms,
        "first_token_ms": record.first_token_ms,
    }
