"""``POST /v1/embeddings``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.chat.kinds import check_kind
from orchestrator.chat.streaming import StreamResponse
from orchestrator.dialects.embeddings.request import read_request
from orchestrator.tenants.access import authenticate


async def create_embeddings(request: Request) -> Response | StreamResponse:
    """Return vectors; the expert's bytes are passed on."""
    services = request.app.state.services
    principal = await authenticate(request, services.keys)
    asked = read_request(await request.body())
    check_kind(asked.model, services.catalogue.current, principal, embeds=True)
    answer: Response | StreamResponse = await services.embeddings.answer(
        asked, principal, request, request.state.request_id
    )
    return answer


ROUTES = [Route("/v1/embeddings", create_embeddings, methods=["POST"])]
