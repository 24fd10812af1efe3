"""The endpoints clients of OpenAI know, as plain Starlette routes."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.chat.assigned import assigned_to, check_form
from orchestrator.chat.kinds import check_kind
from orchestrator.chat.limits import checked_limits
from orchestrator.chat.request import (
    ChatRequest,
    checked_extension,
    checked_messages,
    checked_response_format,
    checked_tools,
    field,
    parse_chat,
    parse_object,
)
from orchestrator.chat.streaming import StreamResponse
from orchestrator.chat.target import (
    POLICY_MODEL,
    asking_of,
    decide,
    encoded,
    policy_of,
    strategy_of,
)
from orchestrator.chat.telling import decision_fields
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.kit.errors import ApiError
from orchestrator.kit.http import whole_body
from orchestrator.tenants.access import authenticate
from orchestrator.tenants.keys import Principal
from router import routing_text

_CREATED = 0
"""Unix time that models are said to be made at; clients require the field, none use it."""


async def chat_completions(request: Request) -> Response | StreamResponse:
    """``POST /v1/chat/completions``."""
    services = request.app.state.services
    principal = await authenticate(request, services.keys)
    chat = parse_chat(await whole_body(request))
    check_kind(chat.model, services.catalogue.current, principal)
    answer: Response | StreamResponse = await services.chat.answer(
        chat, principal, request, request.state.request_id
    )
    return answer


async def route(request: Request) -> Response:
    """``POST /v1/route``: the decision with its reasons, and no answer."""
    services = request.app.state.services
    principal = await authenticate(request, services.keys)
    chat = _to_route(await request.body())
    default = services.settings.default_policy
    named = strategy_of(chat.model, services.router.policies)
    policy = default if named is not None else policy_of(chat.model, default)
    if policy is None:
        raise ApiError(
            400,
            "invalid_request",
            "'model' must be 'coe', 'coe-<policy>' or 'coe-<strategy>': a named expert needs no route.",
            param="model",
        )
    if named is not None:
        check_form(chat)
    told = routing_text(chat.messages, tools=chat.tools, response_format=chat.response_format)
    asking = asking_of(request, principal, services.outcomes.of(principal.tenant))
    await encoded(told, services.router, asking)
    decision = decide(
        told,
        policy,
        catalogue=services.catalogue.current,
        router=services.router,
        asking=asking,
        limits=chat.limits,
    )
    name, reason = named, None if named is None else "The request names it."
    if named is None:
        assigned = assigned_to(chat, decision, principal.tenant, services.assignments)
        if assigned is not None:
            name, reason = assigned.answers, assigned.reason
    return _json(decision_fields(decision) | {"strategy": name, "strategy_reason": reason})


async def list_models(request: Request) -> Response:
    """``GET /v1/models``: every policy and strategy, and every expert that the key may use."""
    principal = await authenticate(request, request.app.state.services.keys)
    return _json({"object": "list", "data": list(_models(request, principal).values())})


async def get_model(request: Request) -> Response:
    """``GET /v1/models/{id}``."""
    principal = await authenticate(request, request.app.state.services.keys)
    model = _models(request, principal).get(request.path_params["model"])
    if model is None:
        raise ApiError(404, "model_not_found", "There is no such model.", param="model")
    return _json(model)


def _to_route(body: bytes) -> ChatRequest:
    """Read what is to be routed: a chat request, or ``input`` in place of its messages.

    Raises:
        ApiError: 400, naming the field that is wrong.
    """
    fields = parse_object(body)
    model = field(fields, "model")
    if model is not None and not isinstance(model, str):
        raise ApiError(400, "invalid_request", "'model' must be a string.", param="model")
    return ChatRequest(
        fields={name: raw for name, raw in fields.items() if name not in {"input", "coe"}},
        model=model or POLICY_MODEL,
        messages=_messages_to_route(fields),
        stream=False,
        tools=checked_tools(fields),
        response_format=checked_response_format(fields),
        explain=False,
        limits=checked_limits(checked_extension(fields)),
    )


def _messages_to_route(fields: dict[str, msgspec.Raw]) -> list[Any]:
    text = field(fields, "input")
    if text is None:
        return checked_messages(field(fields, "messages"))
    if not isinstance(text, str):
        raise ApiError(400, "invalid_request", "'input' must be a string.", param="input")
    return [{"role": "user", "content": text}]


def _models(request: Request, principal: Principal) -> dict[str, dict[str, Any]]:
    services = request.app.state.services
    models = {}
    default = services.settings.default_policy
    if principal.may_ask_for(default):
        models[POLICY_MODEL] = _model(POLICY_MODEL, "policy", f"Same as coe-{default}.")
    for policy in services.router.policies.values():
        if principal.may_ask_for(policy.name):
            name = f"{POLICY_MODEL}-{policy.name}"
            models[name] = _model(name, "policy", policy.description)
    for strategy in STRATEGIES.values() if principal.may_ask_for(default) else ():
        name = f"{POLICY_MODEL}-{strategy.name}"
        models.setdefault(name, _model(name, "strategy", strategy.description))
    for expert in services.catalogue.current.experts.values():
        if expert.enabled and principal.may_use(expert.id):
            models[expert.id] = _model(expert.id, "expert", expert.description)
            for alias in expert.aliases:
                models.setdefault(alias, _model(alias, "expert", expert.description))
    return models


def _model(name: str, kind: str, description: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": _CREATED,
        "owned_by": "coe",
        "coe": {"kind": kind, "description": description},
    }


def _json(content: Any) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


ROUTES = [
    Route("/v1/chat/completions", chat_completions, methods=["POST"]),
    Route("/v1/route", route, methods=["POST"]),
    Route("/v1/models", list_models, methods=["GET"]),
    Route("/v1/models/{model:path}", get_model, methods=["GET"]),
]
