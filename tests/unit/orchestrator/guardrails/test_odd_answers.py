"""Answers that cannot be judged do not get through, and nothing breaks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.chat.guarding import GuardedChat, guarded
from orchestrator.chat.request import ChatRequest, parse_chat
from orchestrator.chat.streaming import StreamResponse
from orchestrator.guardrails.service import Guardrails
from orchestrator.guardrails.values import Event
from orchestrator.kit.errors import ApiError
from orchestrator.tenants.keys import Principal, Role


class Allowing:
    """Consents to everything."""

    name = "allowing"

    async def ask(self, event: Event) -> Any:
        assert event.messages
        return {"outcome": "allow"}

    async def aclose(self) -> None:
        """Nothing is held."""


class Fixed:
    """Answers with the same."""

    def __init__(self, answer: Response | StreamResponse) -> None:
        self.fixed = answer

    async def answer(self, *_: Any) -> Response | StreamResponse:
        return self.fixed


async def _forever() -> Any:
    await asyncio.sleep(60)


async def through(answer: Response | StreamResponse) -> Response | StreamResponse:
    chat: ChatRequest = parse_chat(b'{"model":"e","messages":[{"role":"user","content":"x"}]}')
    principal = Principal("key_1", "a test's", "default", Role.USER)
    request = Request({"type": "http", "headers": []}, _forever)
    hooks = Guardrails((), (Allowing(),))
    return await GuardedChat(Fixed(answer), hooks).answer(chat, principal, request, "req_1")


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices":[{}]}',
        b'{"choices":[3]}',
        b'{"choices":[{"message":"x"}]}',
        b'{"choices":[{"message":{"content":"\\ud800"}}]}',
    ],
)
async def test_an_answer_without_messages_is_not_passed_on(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        await through(Response(body))
    assert (caught.value.status, caught.value.code) == (503, "guardrail_unavailable")


async def test_what_is_no_answer_is_passed_on() -> None:
    gone = await through(Response(status_code=499))
    assert isinstance(gone, Response)
    assert gone.status_code == 499


async def test_a_stream_of_nothing_but_an_error_is_passed_on() -> None:
    async def blocks() -> Any:
        yield b'data: {"error":{"message":"broke off"}}\n\n'

    held = await through(StreamResponse(blocks(), {}))
    assert isinstance(held, StreamResponse)
    assert b"".join([block async for block in held.blocks]).startswith(b'data: {"error"')


def test_where_there_is_no_guardrail_nothing_stands_in_between() -> None:
    inner = Fixed(Response())
    assert guarded(inner, Guardrails()) is inner
