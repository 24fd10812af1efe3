"""Follows one request that a strategy answers, from its start to its usage record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from orchestrator.chat.review import Review
from orchestrator.chat.telling import confidence, decision_fields
from orchestrator.chat.timing import session_name, timing_of
from orchestrator.conductor.charges import calls_of_steps
from orchestrator.conductor.ports import MemoryLedger
from orchestrator.conductor.recorded import recorded
from orchestrator.conductor.values import Step
from orchestrator.kit import logs_context
from orchestrator.tenants.keys import Principal
from orchestrator.tenants.limits.limiter import Admission
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.content.capture import captured
from orchestrator.usage.journal import UsageJournal
from orchestrator.usage.record import Status, UsageRecord, token_fields
from router import RoutingDecision


class RunAccount:
    """One admitted request: opened once, closed once; its cost is that of all its steps.

    Args:
        journal: Makes it durable.
        principal: Who asks.
        request_id: The request's id.
        api: Name of the endpoint.
        model: The model as the caller named it.
        strategy: That answers it.
        decision: What the router says of the task.
        streamed: Whether the answer is streamed.
        messages: The conversation; kept where the tenant wants that.
        text: What the router looked at, likewise.
        review: What guardrails say of it, where there are any.
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
        strategy: str,
        decision: RoutingDecision,
        streamed: bool,
        messages: Sequence[Any] = (),
        text: str = "",
        review: Review | None = None,
        session: str | None = None,
    ) -> None:
        self.rate_headers: Mapping[str, str] = {}
        """What is left of the limits, for the answer."""
        self._journal = journal
        self._choice = principal.content
        self._said = (text, messages)
        self._review = review
        self._began, self._began_at = time.perf_counter(), time.time()
        self._first_token: float | None = None
        self._closing: asyncio.Future[UsageRecord] | None = None
        self._record = UsageRecord(
            request_id=request_id,
            tenant=principal.tenant,
            key_id=principal.key_id,
            api=api,
            model=model,
            policy=decision.policy,
            category=decision.category,
            confidence=confidence(decision),
            router_version=decision.router_version,
            decision={**decision_fields(decision), "strategy": strategy},
            streamed=streamed,
            session=session_name(session),
        )

    async def open(self, ask: Ask) -> Admission:
        """Admit the request: note that experts are about to be called for it.

        Args:
            ask: What it needs of its limits.

        Raises:
            ApiError: 429 or 402 where a limit is in the way; there is no record then.
        """
        admission = await self._journal.open(self._record, ask)
        self._began_at = time.time()
        self.rate_headers = admission.headers
        return admission

    async def note(self, steps: Iterable[Step]) -> None:
        """Note what has been done so far, which is paid whatever becomes of this process."""
        if self._closing is None:
            calls = calls_of_steps(steps, began=self._began_at, now=time.time())
            so_far = msgspec.structs.replace(self._record, **token_fields(calls), attempts=calls)
            await self._journal.note(so_far)

    def first_token(self) -> None:
        """Note that the first piece of the answer is here."""
        if self._first_token is None:
            self._first_token = time.perf_counter()
            logs_context.mark("expert")

    async def close(
        self,
        status: Status,
        steps: Iterable[Step],
        *,
        answer: str = "",
        error_code: str | None = None,
        errors: Mapping[str, str] = MappingProxyType({}),
    ) -> UsageRecord:
        """Make the final record durable; a second call changes nothing.

        It is done to its end even if whoever asks for it is cancelled meanwhile.

        Args:
            status: How it ended.
            steps: What was done for it.
            answer: What was answered; kept where the tenant wants that.
            error_code: Why it failed.
            errors: Why steps failed, by key.
        """
        if self._closing is None:
            work = self._close(status, tuple(steps), answer, error_code, errors)
            self._closing = asyncio.ensure_future(work)
        return await asyncio.shield(self._closing)

    async def _close(
        self,
        status: Status,
        steps: Sequence[Step],
        answer: str,
        error_code: str | None,
        errors: Mapping[str, str],
    ) -> UsageRecord:
        began, ended = self._began_at, time.time()
        now, first = time.perf_counter(), self._first_token
        text, messages = self._said
        content = await captured(self._choice, text=text, messages=messages, answer=answer)
        calls = calls_of_steps(steps, began=began, now=ended)
        roles = self._choice.level == "all"
        record = msgspec.structs.replace(
            self._record,
            status=status,
            error_code=error_code,
            **token_fields(calls),
            attempts=calls,
            timing=timing_of(calls, listed=True),
            steps=recorded(steps, began=began, now=ended, errors=errors, roles=roles)
            if steps
            else None,
            guardrails=None if self._review is None else self._review.noted,
            duration_ms=round((now - self._began) * 1000, 3),
            first_token_ms=None if first is None else round((first - self._began) * 1000, 3),
            text=content.text,
            prompt=content.prompt,
            answer=content.answer,
        )
        await self._journal.close(record)
        return record


class NotingLedger(MemoryLedger):
    """Remembers steps as long as the process lives, and notes what they have cost for longer.

    Args:
        account: Of the request they are done for.
    """

    def __init__(self, account: RunAccount) -> None:
        super().__init__()
        self._account = account

    async def finished(self, step: Step) -> None:
        """Note a step that has ended."""
        await super().finished(step)
        if step.expert and not step.reused_from:
            await self._account.note(self.steps)
