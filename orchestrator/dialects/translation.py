"""The way of a request in another protocol: read, answered as chat, told in that protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from experts.counting.counter import counted
from orchestrator.catalogue.service import Catalogue
from orchestrator.chat.kinds import check_kind
from orchestrator.chat.request import ChatRequest
from orchestrator.chat.streaming import StreamResponse
from orchestrator.dialects.completion import Completion, read
from orchestrator.dialects.fields import Raws, encoded
from orchestrator.dialects.marks import unmarked, without_marks
from orchestrator.dialects.streams import StreamTranslator, translated
from orchestrator.tenants.keys import Principal

_OURS = frozenset({"coe", "stream_options"})


def chat_request(
    api: str,
    model: str,
    *,
    passed: Raws,
    made: dict[str, Any],
    stream: bool,
    extension: dict[str, Any],
) -> ChatRequest:
    """Return the chat request that a request in another protocol comes to.

    Args:
        api: Name of the endpoint, for the usage record.
        model: As the caller named it.
        passed: Fields that go on as they came.
        made: Fields of chat completions; those that are ``None`` are left out.
        stream: Whether the answer is to be streamed.
        extension: What the ``coe`` object says.
    """
    made = {name: value for name, value in made.items() if value is not None}
    if stream:
        made["stream_options"] = {"include_usage": True}
    plain = made | {"messages": unmarked(made["messages"])}
    if "tools" in made:
        plain["tools"] = without_marks(made["tools"])
    kept = {name: value for name, value in passed.items() if name not in _OURS}
    return ChatRequest(
        fields=kept | _raws(plain),
        marked=_raws({name: made[name] for name in made if made[name] != plain[name]}),
        model=model,
        messages=plain["messages"],
        stream=stream,
        tools=plain.get("tools"),
        response_format=made.get("response_format"),
        api=api,
        **extension,
    )


def _raws(fields: Mapping[str, Any]) -> Raws:
    return {name: msgspec.Raw(encoded(value, name)) for name, value in fields.items()}


async def prompt_tokens_of(chat: ChatRequest, principal: Principal, catalogue: Catalogue) -> int:
    """Return the tokens of a prompt, by the tokenizer of the expert that is named, if one is.

    Which expert a policy chooses is not known before it has; then the tokens are estimated by script.

    Args:
        chat: The request.
        principal: Who asks; an expert that it may not use is none to it.
        catalogue: The experts.
    """
    expert = catalogue.named(chat.model)
    known = expert is not None and principal.may_use(expert.id)
    model = expert.model if expert is not None and known else ""
    return (await counted(model, messages=chat.messages, tools=chat.tools)).prompt_tokens


async def answered(
    chat: ChatRequest,
    principal: Principal,
    request: Request,
    *,
    whole: Callable[[Completion], dict[str, Any]],
    stream: Callable[[], StreamTranslator],
) -> Response | StreamResponse:
    """Answer a translated request, and translate the answer.

    Args:
        chat: The request.
        principal: Who asks.
        request: The HTTP request.
        whole: Tells a whole answer.
        stream: Makes what tells a stream.

    Raises:
        ApiError: For every expected failure.
    """
    services = request.app.state.services
    check_kind(chat.model, services.catalogue.current, principal)
    chat = replace(chat, told=lambda body: msgspec.json.encode(whole(read(body))))
    answer: Response | StreamResponse = await services.chat.answer(
        chat, principal, request, request.state.request_id
    )
    if isinstance(answer, StreamResponse):
        translator = stream()
        return answer.through(lambda blocks: translated(blocks, translator))
    return answer
