"""``POST /v1/messages`` and ``POST /v1/messages/count_tokens``."""

from __future__ import annotations

from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.chat.streaming import StreamResponse
from orchestrator.dialects.messages.answer import whole_message
from orchestrator.dialects.messages.errors import PATH
from orchestrator.dialects.messages.request import read_request
from orchestrator.dialects.messages.stream import MessageStream
from orchestrator.dialects.translation import answered, prompt_tokens_of
from orchestrator.tenants.access import authenticate


async def create_message(request: Request) -> Response | StreamResponse:
    """Answer a request in Anthropic's Messages protocol."""
    principal = await authenticate(request, request.app.state.services.keys)
    asked = read_request(await request.body())
    request_id: str = request.state.request_id
    return await answered(
        asked.chat,
        principal,
        request,
        whole=partial(whole_message, asked, request_id),
        stream=partial(MessageStream, asked, request_id),
    )


async def count_tokens(request: Request) -> Response:
    """Count the tokens of a prompt, or estimate them."""
    services = request.app.state.services
    principal = await authenticate(request, services.keys)
    asked = read_request(await request.body(), counting=True)
    tokens = await prompt_tokens_of(asked.chat, principal, services.catalogue.current)
    return Response(msgspec.json.encode({"input_tokens": tokens}), media_type="application/json")


ROUTES = [
    Route(PATH, create_message, methods=["POST"]),
    Route(f"{PATH}/count_tokens", count_tokens, methods=["POST"]),
]
