"""Follows one request from its start to its usage record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from experts.cache.caller import CachedCall
from experts.calling.attempts import Attempt
from experts.pricing import cost_in_nanos
from experts.providers.protocol import Usage
from orchestrator.caching.telling import explained, recorded
from orchestrator.chat.charges import Asked, calls_of
from orchestrator.chat.review import Review
from orchestrator.chat.target import Target
from orchestrator.chat.telling import confidence, decision_json
from orchestrator.chat.timing import session_name, timing_of
from orchestrator.kit import logs_context
from orchestrator.tenants.keys import Principal
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.content.capture import captured
from orchestrator.usage.journal import UsageJournal
from orchestrator.usage.record import Status, UsageRecord, token_fields


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
        foreseen: What was estimated without knowing who is asked, to learn how far off that is.
        messages: The conversation, to count its tokens if the expert does not.
        tools: The request's tools, likewise.
        text: What the router looked at; kept where the tenant wants that.
        review: What guardrails say of it, where there are any.
        cached: Its way through the cache, if that has a part in it.
        session: What the caller calls the conversation.
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
        foreseen: int | None = None,
        messages: Sequence[Any] = (),
        tools: Sequence[Any] | None = None,
        text: str = "",
        review: Review | None = None,
        cached: CachedCall | None = None,
        session: str | None = None,
    ) -> None:
        self.attempts: list[Attempt] = []
        """All that is tried for an answer; whoever calls experts notes it here."""
        self.rate_headers: Mapping[str, str] = {}
        """What is left of the limits, for the answer."""
        self._journal = journal
        self._target = target
        self._asked = Asked(messages, tools, foreseen)
        self._choice = principal.content
        self._text = text
        self._review = review
        self._cached = cached
        self._written = ""
        self._began = time.perf_counter()
        self._first_token: float | None = None
        self._closing: asyncio.Future[UsageRecord] | None = None
        decision = target.decision
        record = UsageRecord(
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
            decision=decision_json(decision) if decision else None,
            streamed=streamed,
            prompt_tokens=prompt_tokens,
            cost_nanos=cost_in_nanos(Usage(prompt_tokens, 0), target.expert.price),
            session=session_name(session),
        )
        self._record = msgspec.structs.replace(record, **recorded(cached)) if cached else record

    async def open(self, ask: Ask) -> int:
        """Admit the request: note that experts are about to be called for it.

        Args:
            ask: What it needs of its limits.

        Returns:
            Billionths of a dollar that are reserved for it.

        Raises:
            ApiError: 429 or 402 where a limit is in the way; there is no record then.
        """
        admission = await self._journal.open(self._record, ask)
        self.rate_headers = admission.headers
        return admission.nanos

    @property
    def keeps_answers(self) -> bool:
        """Whether the tenant wants answers to be stored."""
        return self._choice.level == "all"

    @property
    def curious(self) -> bool:
        """Whether what the last expert wrote is wanted, to learn how it counts."""
        last = self.attempts[-1] if self.attempts else None
        if last is None or last.habit is None or last.expert.embeds:
            return False
        return last.habit.curious

    @property
    def cache(self) -> dict[str, Any] | None:
        """What the cache had of it, for an explanation."""
        return explained(self._cached)

    def first_token(self) -> None:
        """Note that the first piece of the answer is here."""
        if self._first_token is None:
            self._first_token = time.perf_counter()
            logs_context.mark("expert")

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
        elapsed = time.perf_counter() - self._began
        calls = await calls_of(self.attempts, self._target, self._asked, written, elapsed)
        last = calls[-1] if calls else None
        now, first = time.perf_counter(), self._first_token
        listed = len(calls) != 1 or "service_tier" in calls[0]
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
            attempts=calls if listed else None,
            timing=timing_of(calls, listed=listed),
            guardrails=None if self._review is None else self._review.noted,
            duration_ms=round((now - self._began) * 1000, 3),
            first_token_ms=None if first is None else round((first - self._began) * 1000, 3),
            text=content.text,
            prompt=content.prompt,
            answer=content.answer,
        )
        await self._journal.close(record)
        return record
