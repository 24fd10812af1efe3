"""Guardrails around chat: what is asked is judged before anything else, what is answered last.

They stand outside the pipeline: a request that is blocked costs nothing and is not recorded; an
answer that is blocked has been paid for, and its record says what it cost.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from experts.providers.wire import UNREADABLE
from orchestrator.chat.disconnect import ClientGone, unless_gone
from orchestrator.chat.request import ChatRequest
from orchestrator.chat.streaming import StreamResponse
from orchestrator.guardrails.asked import Asked
from orchestrator.guardrails.service import Guardrails
from orchestrator.guardrails.streams import Whole
from orchestrator.guardrails.values import Event, Messages
from orchestrator.kit.errors import ApiError
from orchestrator.kit.http import CLIENT_CLOSED_REQUEST
from orchestrator.tenants.keys import Principal

MAX_HELD_BYTES = 64 * 1024 * 1024
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
    """

    inner: Chat
    guardrails: Guardrails

    async def answer(
        self, chat: ChatRequest, principal: Principal, request: Request, request_id: str
    ) -> Answer:
        """Answer one request.

        Raises:
            ApiError: As the pipeline does, and 403 or 503 where a guardrail is in the way.
        """
        event = Event(
            stage="request",
            request_id=request_id,
            tenant=principal.tenant,
            key_id=principal.key_id,
            model=chat.model,
            messages=_said(chat).judged,
        )
        asked = await self.guardrails.check(event)
        if asked.changed:
            chat = _asking(chat, asked.messages)
        answer = await self.inner.answer(chat, principal, request, request_id)
        answered = replace(event, stage="answer")
        if not self.guardrails.answers:
            return _flagged(answer, asked.flags)
        if isinstance(answer, StreamResponse):
            if self.guardrails.streams == "skip":
                return _flagged(answer, asked.flags)
            return await self._held(answer, answered, asked.flags, request)
        return await self._whole(answer, answered, asked.flags)

    async def _whole(self, answer: Response, event: Event, flags: tuple[str, ...]) -> Answer:
        if answer.status_code != HTTPStatus.OK:
            return answer
        fields, messages = _decoded(bytes(answer.body))
        passed = await self.guardrails.check(replace(event, messages=messages))
        if passed.changed:
            for choice, message in zip(fields["choices"], passed.messages, strict=True):
                choice["message"] = message
            headers = {
                name: value for name, value in answer.headers.items() if name != "content-length"
            }
            answer = Response(msgspec.json.encode(fields), headers=headers)
        return _flagged(answer, (*flags, *passed.flags))

    async def _held(
        self, answer: StreamResponse, event: Event, flags: tuple[str, ...], request: Request
    ) -> Answer:
        """Hold a stream back until all of it is judged; until then an error can be a status."""
        blocks: list[bytes] = []
        try:
            await unless_gone(_collected(answer.blocks, blocks), request.receive)
        except ClientGone:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        finally:
            await answer.blocks.aclose()
        whole = Whole(blocks)
        if not whole.messages:  # an error came instead
            return _flagged(answer.through(lambda _: _again(blocks)), flags)
        passed = await self.guardrails.check(replace(event, messages=whole.messages))
        if passed.changed:
            blocks = whole.told_as(passed.messages)
        return _flagged(answer.through(lambda _: _again(blocks)), (*flags, *passed.flags))


def guarded(chat: Chat, guardrails: Guardrails) -> Chat:
    """Return what answers under these guardrails; where there are none, it is as fast as before."""
    return GuardedChat(chat, guardrails) if guardrails.any else chat


def _asking(chat: ChatRequest, messages: Messages) -> ChatRequest:
    """Return a request that asks with other messages; of one for vectors they are its inputs."""
    if "messages" in chat.fields:
        told = _said(chat).told_as(messages)
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
    return replace(chat, fields={**chat.fields, name: msgspec.Raw(value)}, messages=messages)


def _decoded(body: bytes) -> tuple[dict[str, Any], Messages]:
    """Return an answer and the message of each of its choices.

    Raises:
        ApiError: 503 if there is no such thing: the expert answered so oddly that nobody can judge.
    """
    try:
        fields = msgspec.json.decode(body)
        return fields, msgspec.convert([c["message"] for c in fields["choices"]], Messages)
    except (*UNREADABLE, msgspec.ValidationError, TypeError, KeyError) as error:
        raise ApiError(
            503,
            "guardrail_unavailable",
            "The answer could not be checked: a choice has no message.",
        ) from error


def _said(chat: ChatRequest) -> Asked:
    return Asked(chat.messages, chat.grounds.context, chat.grounds.facts)


def _texts(messages: Messages) -> list[str]:
    texts = []
    for message in messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        texts += [str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part]
    return texts


async def _collected(blocks: AsyncGenerator[bytes, None], kept: list[bytes]) -> None:
    size = 0
    async for block in blocks:
        kept.append(block)
        size += len(block)
        if size > MAX_HELD_BYTES:
            raise ApiError(
                503,
                "guardrail_unavailable",
                f"The answer is larger than {MAX_HELD_BYTES} bytes, too large to be checked.",
            )


async def _again(blocks: list[bytes]) -> AsyncGenerator[bytes, None]:
    yield b"".join(blocks)


def _flagged(answer: Answer, flags: tuple[str, ...]) -> Answer:
    if flags:
        answer.headers[FLAGS_HEADER] = ",".join(dict.fromkeys(flags))
    return answer
