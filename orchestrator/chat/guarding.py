"""Guardrails around chat: what is asked is judged before anything else is done for it.

Its answer is judged within the pipeline, before its account is closed; see
:mod:`orchestrator.chat.review`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.chat.request import ChatRequest
from orchestrator.chat.review import Review, status_of
from orchestrator.chat.streaming import StreamResponse
from orchestrator.guardrails.asked import Asked
from orchestrator.guardrails.service import Guardrails
from orchestrator.guardrails.values import Event, Messages, Note
from orchestrator.kit import logs_context
from orchestrator.kit.errors import ApiError
from orchestrator.tenants.keys import Principal
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.journal import UsageJournal
from orchestrator.usage.record import UsageRecord

FLAGS_HEADER = "x-coe-flags"

Answer = Response | StreamResponse


class Chat(Protocol):
    """Answers chat requests, guarded or not."""

    async def answer(
        self, chat: ChatRequest, principal: Principal, request: Request, request_id: str
    ) -> Answer:
        """Answer one request.

        Raises:
            ApiError: For every expected failure.
        """
        ...


@dataclass(frozen=True, slots=True)
class GuardedChat:
    """Answers chat requests under guardrails.

    Args:
        inner: Answers them.
        guardrails: Judge them and their answers.
        journal: Records those that are not let through.
    """

    inner: Chat
    guardrails: Guardrails
    journal: UsageJournal

    async def answer(
        self, chat: ChatRequest, principal: Principal, request: Request, request_id: str
    ) -> Answer:
        """Answer one request.

        Raises:
            ApiError: As the pipeline does, and 403 or 503 where a guardrail is in the way.
        """
        logs_context.mark("read")
        asked = _said(chat)
        event = Event(
            stage="request",
            request_id=request_id,
            tenant=principal.tenant,
            key_id=principal.key_id,
            model=chat.model,
            messages=asked.judged,
        )
        review = Review(self.guardrails, event)
        try:
            passed = await self.guardrails.check(event, review.notes)
            if passed.changed:
                chat = _asking(chat, asked, passed.messages)
        except ApiError as error:
            await self._kept_out(chat, review, error)
            raise
        logs_context.mark("guardrails")
        review.event = replace(event, messages=passed.messages)
        answer = await self.inner.answer(
            replace(chat, review=review), principal, request, request_id
        )
        if review.flags:
            answer.headers[FLAGS_HEADER] = ",".join(review.flags)
        return answer

    async def _kept_out(self, chat: ChatRequest, review: Review, error: ApiError) -> None:
        """Record a request that no expert has seen: it counts, and costs nothing.

        Raises:
            ApiError: 429 or 402 where a limit is in the way; there is no record then.
        """
        await kept_out(
            self.journal, review.event, review.notes, error, api=chat.api, streamed=chat.stream
        )


async def kept_out(
    journal: UsageJournal,
    event: Event,
    notes: Sequence[Note],
    error: ApiError,
    *,
    api: str,
    streamed: bool = False,
) -> None:
    """Record a request that no expert has seen: it counts, and costs nothing.

    Args:
        journal: Records it.
        event: The request as guardrails were asked about it.
        notes: What they did and flagged.
        error: Their refusal.
        api: Name of the endpoint.
        streamed: Whether a stream was asked for.

    Raises:
        ApiError: 429 or 402 where a limit is in the way; there is no record then.
    """
    record = UsageRecord(
        request_id=event.request_id,
        tenant=event.tenant,
        key_id=event.key_id,
        api=api,
        model=event.model,
        status=status_of(error),
        error_code=error.code,
        streamed=streamed,
        tokens_estimated=False,
        guardrails=msgspec.to_builtins(list(notes)) or None,
    )
    await journal.open(record, Ask(record.request_id, record.tenant, record.key_id))
    await journal.close(record)


def guarded(chat: Chat, guardrails: Guardrails, journal: UsageJournal) -> Chat:
    """Return what answers under these guardrails; where there are none, it is as fast as before."""
    return GuardedChat(chat, guardrails, journal) if guardrails.any else chat


def _said(chat: ChatRequest) -> Asked:
    return Asked(chat.messages, chat.grounds.context, chat.grounds.facts)


def _asking(chat: ChatRequest, asked: Asked, messages: Messages) -> ChatRequest:
    """Return a request that asks with other messages; of one for vectors they are its inputs."""
    if "messages" in chat.fields:
        told = asked.told_as(messages)
        messages, name, value = told.messages, "messages", msgspec.json.encode(told.messages)
        grounds = replace(chat.grounds, context=told.context, facts=told.facts)
        chat = replace(chat, grounds=grounds)
    else:
        before, texts = _texts(chat.messages), _texts(messages)
        if len(texts) != len(before):
            raise ApiError(
                503,
                "guardrail_unavailable",
                "The request could not be redacted: inputs are missing.",
            )
        name, value = "input", msgspec.json.encode(texts)
    fields = {**chat.fields, name: msgspec.Raw(value)}
    return replace(chat, fields=fields, marked={}, messages=messages)


def _texts(messages: Messages) -> list[str]:
    texts = []
    for message in messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        texts += [str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part]
    return texts
