"""``POST /v1/responses``."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.chat.streaming import StreamResponse
from orchestrator.dialects.responses.answer import whole_response
from orchestrator.dialects.responses.request import read_request
from orchestrator.dialects.responses.stream import ResponseStream
from orchestrator.dialects.translation import answered
from orchestrator.tenants.access import authenticate


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


ROUTES = [Route("/v1/responses", create_response, methods=["POST"])]
