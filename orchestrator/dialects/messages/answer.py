"""A message, whole. Wire: https://platform.claude.com/docs/en/api/messages."""

from __future__ import annotations

from typing import Any

from experts.errors import ExpertAnswerInvalid
from experts.providers import wire
from experts.providers.protocol import Usage
from orchestrator.dialects.completion import Choice, Completion
from orchestrator.dialects.messages.request import MessageRequest
from orchestrator.dialects.parts import Part, arguments_of, parts_of
from router import routing_text

_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def head(request_id: str, model: str, usage: dict[str, Any]) -> dict[str, Any]:
    """Return a message that has only begun."""
    return {
        "id": f"msg_{request_id.removeprefix('req_')}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def whole_message(asked: MessageRequest, request_id: str, answer: Completion) -> dict[str, Any]:
    """Return a whole answer as a message.

    Raises:
        ExpertAnswerInvalid: If there is no message in it, or one that cannot be told.
    """
    choice, parts = parts_of(answer, signed=True)
    usage = usage_fields(asked, wire.read_usage(answer.usage), parts)
    message = head(request_id, answer.model or asked.chat.model, usage)
    message["content"] = [block(part) for part in parts if shown(part, asked)]
    return message | ending(asked, choice, parts)


def shown(part: Part, asked: MessageRequest) -> bool:
    """Tell whether a part is told: thought only to those who asked for it."""
    return part.kind not in ("reasoning", "sealed") or asked.thinks


def block(part: Part, *, begun: bool = False) -> dict[str, Any]:
    """Return a part as a content block; empty where it has only begun.

    Raises:
        ExpertAnswerInvalid: If a call's arguments are no JSON object, which this protocol needs.
    """
    text = "" if begun else part.text
    if part.kind == "tool":
        given = arguments_of(text) if text else {}
        if given is None:
            message = f"the expert called the tool '{part.name}' with something else than JSON"
            raise ExpertAnswerInvalid(message)
        return {"type": "tool_use", "id": part.call_id, "name": part.name, "input": given}
    if part.kind == "reasoning":
        # The field has to be there where nobody has signed, too.
        signature = "" if begun else part.signature
        return {"type": "thinking", "thinking": text, "signature": signature}
    if part.kind == "sealed":
        return {"type": "redacted_thinking", "data": text}
    return {"type": "text", "text": text}


def ending(asked: MessageRequest, choice: Choice, parts: list[Part]) -> dict[str, Any]:
    """Return ``stop_reason`` and ``stop_sequence``."""
    kinds = {part.kind for part in parts}
    reason = _REASONS.get(choice.finish_reason or "stop", "end_turn")
    stopped = choice.stop_reason if isinstance(choice.stop_reason, str) else None
    if reason == "end_turn" and "tool" in kinds:
        reason = "tool_use"  # some servers say that they stopped
    elif reason == "end_turn" and "refusal" in kinds:
        reason = "refusal"
    elif reason == "end_turn" and stopped in asked.stops:
        return {"stop_reason": "stop_sequence", "stop_sequence": stopped}
    return {"stop_reason": reason, "stop_sequence": None}


def usage_fields(
    asked: MessageRequest, usage: Usage | None, parts: list[Part] | None = None
) -> dict[str, Any]:
    """Return usage as this protocol names it; estimated where the expert counted nothing.

    Args:
        asked: The request.
        usage: What the expert counted.
        parts: The answer.
    """
    if usage is None:
        written = "".join(part.text for part in parts or ())
        read = routing_text(asked.chat.messages, tools=asked.chat.tools)
        usage = Usage(read.prompt_tokens, routing_text(written).prompt_tokens)
    fields: dict[str, Any] = {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }
    if usage.reasoning_tokens:
        fields["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return fields
