"""Answers, routes and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from coe_client.requests import Answer, Request, T, as_model, given, v1
from coe_client.types import ChatCompletion, Model, Page, RouteInfo, RoutingDecision, WireModel

Message = Mapping[str, Any] | WireModel
Messages = str | Sequence[Message]
"""The conversation, or a string that stands for a single message of the user."""


def create_chat(
    messages: Messages,
    *,
    model: str,
    explain: bool,
    options: Mapping[str, Any],
    extra_body: Mapping[str, Any] | None,
) -> Request[ChatCompletion]:
    """Ask for a whole answer. Not repeatable: each answer costs."""
    body = {"model": model, "messages": conversation(messages)}
    body |= optional(options, explain=explain, extra_body=extra_body)
    return Request("POST", v1("chat", "completions"), _read_chat, body, repeatable=False)


def streamed(request: Request[T]) -> Request[T]:
    """Ask for the same answer in pieces."""
    body = {**request.body, "stream": True}
    return replace(request, body=body, content_type="text/event-stream")


def route(
    request: Messages,
    *,
    model: str | None,
    tools: Sequence[Mapping[str, Any]] | None,
    response_format: Mapping[str, Any] | None,
    coe: Mapping[str, Any] | None,
) -> Request[RoutingDecision]:
    """Ask where a request would go, without answering it."""
    body: dict[str, Any] = (
        {"input": request} if isinstance(request, str) else {"messages": list(request)}
    )
    body |= given(model=model, tools=tools, response_format=response_format, coe=coe)
    return Request("POST", v1("route"), as_model(RoutingDecision), body)


def list_models() -> Request[Page[Model]]:
    """List what may be given as ``model``."""
    return Request("GET", v1("models"), as_model(Page[Model]))


def get_model(model_id: str) -> Request[Model]:
    """Get one model."""
    return Request("GET", v1("models", model_id), as_model(Model))


def conversation(messages: Messages) -> list[Message]:
    """Return a conversation as messages."""
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    return list(messages)


def optional(
    options: Mapping[str, Any], *, explain: bool, extra_body: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the optional fields of a request for an answer."""
    body = given(**options)
    if explain:
        body["coe"] = {**body.get("coe", {}), "explain": True}
    return body | dict(extra_body or {})


def _read_chat(answer: Answer) -> ChatCompletion:
    completion = as_model(ChatCompletion)(answer)
    completion.attach_route(RouteInfo.from_headers(answer.headers))
    return completion
