"""``POST /v1/responses`` and ``POST /v1/responses/input_tokens``."""

from __future__ import annotations

from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.chat.streaming import StreamResponse
from orchestrator.dialects.responses.answer import whole_response
from orchestrator.dialects.responses.request import read_request
from orchestrator.dialects.responses.stream import ResponseStream
from orchestrator.dialects.translation import answered, prompt_tokens_of
from orchestrator.tenants.access import authenticate

PATH = "/v1/responses"


async def create_response(request: Request) -> Response | StreamResponse:
    """Answer a request in OpenAI's Responses protocol."""
    principal = await authenticate(request, request.app.state.services.keys)
    asked = read_request(await request.body())
    request_id: str = request.state.request_id
    return await answered(
        asked.chat,
        principal,
        request,
        whole=partial(whole_response, asked, request_id),
        stream=partial(ResponseStream, asked, request_id),
    )


async def count_input_tokens(request: Request) -> Response:
    """Count the tokens of a prompt, or estimate them."""
    services = request.app.state.services
    principal = await authenticate(request, services.keys)
    asked = read_request(await request.body())
    tokens = await prompt_tokens_of(asked.chat, principal, services.catalogue.current)
    told = {"object": "response.input_tokens", "input_tokens": tokens}
    return Response(msgspec.json.encode(told), media_type="application/json")


ROUTES = [
    Route(PATH, create_response, methods=["POST"]),
    Route(f"{PATH}/input_tokens", count_input_tokens, methods=["POST"]),
]
