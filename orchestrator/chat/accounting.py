"""Follows one request from its start to its usage record, and explains it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from experts.calling.attempts import Attempt
from experts.catalogue.expert import Expert
from experts.pricing import cost_in_nanos, usd_text
from experts.providers.protocol import Usage
from orchestrator.chat.charges import Asked, calls_of
from orchestrator.chat.review import Review
from orchestrator.chat.target import Target
from orchestrator.tenants.keys import Principal
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.content.capture import captured
from orchestrator.usage.journal import UsageJournal
from orchestrator.usage.record import Status, UsageRecord, token_fields
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
        messages: The conversation, to count its tokens if the expert does not.
        tools: The request's tools, likewise.
        text: What the router looked at; kept where the tenant wants that.
        review: What guardrails say of it, where there are any.
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
        messages: Sequence[Any] = (),
        tools: Sequence[Any] | None = None,
        text: str = "",
        review: Review | None = None,
    ) -> None:
        self.attempts: list[Attempt] = []
        """All that is tried for an answer; whoever calls experts notes it here."""
        self.rate_headers: Mapping[str, str] = {}
        """What is left of the limits, for the answer."""
        self._journal = journal
        self._target = target
        self._asked = Asked(messages, tools)
        self._choice = principal.content
        self._text = text
        self._review = review
        self._written = ""
        self._began = time.perf_counter()
        self._first_token: float | None = None
        self._closing: asyncio.Future[UsageRecord] | None = None
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
            cost_nanos=cost_in_nanos(Usage(prompt_tokens, 0), target.expert.price),
        )

    async def open(self, ask: Ask) -> None:
        """Admit the request: note that experts are about to be called for it.

        Args:
            ask: What it needs of its limits.

        Raises:
            ApiError: 429 or 402 where a limit is in the way; there is no record then.
        """
        admission = await self._journal.open(self._record, ask)
        self.rate_headers = admission.headers

    @property
    def keeps_answers(self) -> bool:
        """Whether the tenant wants answers to be stored."""
        return self._choice.level == "all"

    def first_token(self) -> None:
        """Note that the first piece of the answer is here."""
        if self._first_token is None:
            self._first_token = time.perf_counter()

    def heard(self, written: str) -> None:
        """Note what an expert wrote, before it is clear whether it is passed on."""
        self._written = written

    async def close(
        self, status: Status, *, written: str = "", error_code: str | None = None
    ) -> UsageRecord:
        """Settle the request and make its record durable; a second call changes nothing.

        It is done to its end even if whoever asks for it is cancelled meanwhile.

        Args:
            status: How it ended.
            written: What was passed on of the answer, where it was not :meth:`heard` before: its
                tokens are counted if the expert did not.
            error_code: Why it failed.
        """
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close(status, written, error_code))
        return await asyncio.shield(self._closing)

    async def _close(self, status: Status, written: str, error_code: str | None) -> UsageRecord:
        written = self._written or written
        content = await captured(
            self._choice, text=self._text, messages=self._asked.messages, answer=written
        )
        calls = await calls_of(self.attempts, self._target, self._asked, written)
        last = calls[-1] if calls else None
        now, first = time.perf_counter(), self._first_token
        record = msgspec.structs.replace(
            self._record,
            status=status,
            error_code=error_code,
            **token_fields(calls),
            **(
                {}
                if last is None
                else {"expert": last["expert"], "expert_version": last["version"]}
            ),
            attempts=None if len(calls) == 1 else calls,
            guardrails=None if self._review is None else self._review.noted,
            duration_ms=round((now - self._began) * 1000, 3),
            first_token_ms=None if first is None else round((first - self._began) * 1000, 3),
            text=content.text,
            prompt=content.prompt,
            answer=content.answer,
        )
        await self._journal.close(record)
        return record


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
    headers = {"x-coe-expert": expert.id, "x-coe-cache": "miss", **attempt_headers(attempts)}
    moved = target.moved(expert, attempts)
    if moved is not None:
        headers["x-coe-moved"] = moved
    if target.unused_strategy is not None:
        headers["x-coe-strategy-unused"] = target.unused_strategy
    return headers | decision_headers(target.decision) if target.decision else headers


def attempt_headers(attempts: Sequence[Attempt]) -> dict[str, str]:
    """Return the header that says how many calls it took, if more than one."""
    return {"x-coe-attempts": str(len(attempts))} if len(attempts) > 1 else {}


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


def explanation(record: UsageRecord, target: Target, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Return what ``"coe": {"explain": true}`` asks for."""
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
        "cost_usd": record.cost_usd,
        "duration_ms": record.duration_ms,
        "first_token_ms": record.first_token_ms,
    }


def with_extension(body: bytes, extension: dict[str, Any]) -> bytes:
    """Return a JSON object's bytes with a ``coe`` object added as its last field."""
    body = body.rstrip()
    comma = b"" if body[:-1].rstrip().endswith(b"{") else b","
    return body[:-1] + comma + b'"coe":' + msgspec.json.encode(extension) + b"}"
