"""The same answers in OpenAI's Responses protocol and in Anthropic's Messages protocol; embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coe_client.operations.answers import Message, Messages, conversation, optional
from coe_client.requests import Answer, M, Request, as_model, given, v1
from coe_client.types import EmbeddingList, RouteInfo, TokenCount
from coe_client.types.protocols import MessageAnswer, Response, RoutedAnswer

Extra = Mapping[str, Any] | None
Embedded = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]
"""A text, some texts, or the same as tokens."""


def create_response(
    said: str | Sequence[Message],
    *,
    model: str,
    explain: bool,
    options: Mapping[str, Any],
    extra_body: Extra,
) -> Request[Response]:
    """Ask for an answer in OpenAI's Responses protocol. Not repeatable: each answer costs."""
    body = {"model": model, "input": said if isinstance(said, str) else list(said)}
    body |= optional(options, explain=explain, extra_body=extra_body)
    return Request("POST", v1("responses"), _routed(Response), body, repeatable=False)


def count_response_tokens(
    said: str | Sequence[Message], *, model: str, options: Mapping[str, Any]
) -> Request[TokenCount]:
    """Count the tokens of such a request."""
    body = {"model": model, "input": said if isinstance(said, str) else list(said)}
    path = v1("responses", "input_tokens")
    return Request("POST", path, as_model(TokenCount), body | given(**options))


def create_message(
    messages: Messages,
    *,
    max_tokens: int,
    model: str,
    explain: bool,
    options: Mapping[str, Any],
    extra_body: Extra,
) -> Request[MessageAnswer]:
    """Ask for an answer in Anthropic's Messages protocol. Not repeatable: each answer costs."""
    body = {"model": model, "max_tokens": max_tokens, "messages": conversation(messages)}
    body |= optional(options, explain=explain, extra_body=extra_body)
    return Request("POST", v1("messages"), _routed(MessageAnswer), body, repeatable=False)


def count_message_tokens(
    messages: Messages, *, model: str, options: Mapping[str, Any]
) -> Request[TokenCount]:
    """Count the tokens of such a request."""
    body = {"model": model, "messages": conversation(messages), **given(**options)}
    return Request("POST", v1("messages", "count_tokens"), as_model(TokenCount), body)


def create_embeddings(
    texts: Embedded,
    *,
    model: str,
    dimensions: int | None,
    encoding_format: str | None,
    coe: Mapping[str, Any] | None,
    extra_body: Extra,
) -> Request[EmbeddingList]:
    """Turn texts into vectors. Not repeatable: each time costs."""
    body = {"model": model, "input": texts if isinstance(texts, str) else list(texts)}
    body |= given(dimensions=dimensions, encoding_format=encoding_format, coe=coe)
    body |= extra_body or {}
    return Request("POST", v1("embeddings"), as_model(EmbeddingList), body, repeatable=False)


def _routed(kind: type[M]) -> Any:
    """Return a reader of an answer that knows where it came from."""

    def read(answer: Answer) -> M:
        found = as_model(kind)(answer)
        if isinstance(found, RoutedAnswer):
            found.attach_route(RouteInfo.from_headers(answer.headers))
        return found

    return read
