"""Reads a request for a message, as the chat request it comes to.

Wire: https://platform.claude.com/docs/en/api/messages. Fields that are neither of this protocol
nor of ours go to the expert as they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.chat.request import ChatRequest, field, flag
from orchestrator.dialects.fields import (
    check_unsupported,
    count_of,
    object_of,
    objects_of,
    open_object,
    optional_object,
    refuse,
    text_of,
    without,
)
from orchestrator.dialects.marks import mark_of
from orchestrator.dialects.messages.content import messages_of
from orchestrator.dialects.translation import chat_request

API = "messages"

_UNSUPPORTED = {
    "container": "There are no containers here.",
    "mcp_servers": "Offer tools, and do what they are called for yourself.",
    "response_format": "Send 'output_config.format'.",
    "max_completion_tokens": "Send 'max_tokens'.",
    "reasoning_effort": "Send 'output_config.effort'.",
    "stop": "Send 'stop_sequences'.",
    "functions": "Send 'tools'.",
    "n": "A message is one answer.",
}
_TRANSLATED = frozenset({
    "model", "messages", "system", "max_tokens", "stop_sequences", "tools", "tool_choice",
    "thinking", "output_config", "stream",
})  # fmt: skip
_WITHOUT_EFFECT = frozenset({
    "metadata", "service_tier", "inference_geo", "cache_control", "context_management", "speed",
    "diagnostics", "user_profile_id", "workspace_id", "betas",
})  # fmt: skip
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_THINKING = frozenset({"enabled", "adaptive", "between_tools", "disabled"})
_LITTLE_THOUGHT = 4_096
_MUCH_THOUGHT = 16_384


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """A request for a message.

    Args:
        chat: The chat request it comes to.
        thinks: Whether what the expert thought is to be shown.
        stops: The stop sequences.
    """

    chat: ChatRequest
    thinks: bool
    stops: tuple[str, ...]


def read_request(body: bytes, *, counting: bool = False) -> MessageRequest:
    """Read a request.

    Args:
        body: The request's body.
        counting: Whether its tokens are only counted, for which it need not limit the answer.

    Raises:
        ApiError: 400, naming the field that is wrong or not supported.
    """
    fields, model, extension = open_object(body)
    check_unsupported(fields, _UNSUPPORTED)
    output = optional_object(fields, "output_config") or {}
    thinking = optional_object(fields, "thinking")
    stops = _stops(field(fields, "stop_sequences"))
    made = {
        "messages": messages_of(field(fields, "messages"), field(fields, "system")),
        "max_completion_tokens": None
        if counting
        else count_of(field(fields, "max_tokens"), "max_tokens"),
        "stop": list(stops) or None,
        "tools": _tools(field(fields, "tools")),
        **_choice(optional_object(fields, "tool_choice")),
        "reasoning_effort": _effort(output.get("effort"), thinking),
        "response_format": _format(output.get("format")),
    }
    chat = chat_request(
        API,
        model,
        passed=without(fields, _TRANSLATED | _WITHOUT_EFFECT | _UNSUPPORTED.keys()),
        made=made,
        stream=flag(field(fields, "stream"), "stream"),
        extension=extension,
    )
    return MessageRequest(chat, _shows_thought(thinking), stops)


def _stops(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        refuse("'stop_sequences' must be an array.", "stop_sequences")
    return tuple(text_of(one, f"stop_sequences[{index}]") for index, one in enumerate(given))


def _tools(given: Any) -> list[dict[str, Any]] | None:
    tools = [] if given is None else objects_of(given, "tools")
    return [_function(tool, f"tools[{index}]") for index, tool in enumerate(tools)] or None


def _function(tool: dict[str, Any], at: str) -> dict[str, Any]:
    if tool.get("type") not in (None, "custom"):
        refuse(
            f"Tools of type {tool['type']!r} are not supported: this service has no built-in tools."
            " Offer one with an 'input_schema'.",
            f"{at}.type",
        )
    function: dict[str, Any] = {"name": text_of(tool.get("name"), f"{at}.name")}
    if tool.get("description") is not None:
        function["description"] = text_of(tool["description"], f"{at}.description")
    function["parameters"] = object_of(tool.get("input_schema"), f"{at}.input_schema")
    if tool.get("strict") is not None:
        function["strict"] = flag(tool["strict"], f"{at}.strict")
    return {"type": "function", "function": function, **mark_of(tool)}


def _choice(choice: dict[str, Any] | None) -> dict[str, Any]:
    """Return ``tool_choice`` and ``parallel_tool_calls``."""
    if choice is None:
        return {}
    kind = choice.get("type")
    made: dict[str, Any] = {}
    if kind == "tool":
        name = text_of(choice.get("name"), "tool_choice.name")
        made["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif isinstance(kind, str) and kind in _CHOICES:
        made["tool_choice"] = _CHOICES[kind]
    else:
        refuse("'tool_choice.type' must be auto, any, tool or none.", "tool_choice.type")
    if choice.get("disable_parallel_tool_use") is True:
        made["parallel_tool_calls"] = False
    return made


def _effort(wanted: Any, thinking: dict[str, Any] | None) -> str | None:
    """Return how much thought is asked for: by name, else by the tokens allowed for it."""
    if wanted is not None:
        if not isinstance(wanted, str) or wanted not in _EFFORTS:
            refuse("'output_config.effort' must be low to max.", "output_config.effort")
        return _EFFORTS[wanted]
    if thinking is None:
        return None
    kind = thinking.get("type")
    if not isinstance(kind, str) or kind not in _THINKING:
        refuse("'thinking.type' must be enabled, adaptive or disabled.", "thinking.type")
    if kind != "enabled":
        return None
    budget = count_of(thinking.get("budget_tokens"), "thinking.budget_tokens")
    if budget <= _LITTLE_THOUGHT:
        return "low"
    return "medium" if budget <= _MUCH_THOUGHT else "high"


def _shows_thought(thinking: dict[str, Any] | None) -> bool:
    if thinking is None or thinking.get("type") == "disabled":
        return False
    return thinking.get("display") != "omitted"


def _format(wanted: Any) -> dict[str, Any] | None:
    if wanted is None:
        return None
    if object_of(wanted, "output_config.format").get("type") != "json_schema":
        refuse("'output_config.format.type' must be json_schema.", "output_config.format.type")
    schema = object_of(wanted.get("schema"), "output_config.format.schema")
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }
