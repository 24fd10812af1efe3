"""Reads a request for a response, as the chat request it comes to.

Wire: https://platform.openai.com/docs/api-reference/responses/create. Fields that are neither of
this protocol nor of ours go to the expert as they came.
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
from orchestrator.dialects.responses.items import messages_of
from orchestrator.dialects.translation import chat_request

API = "responses"

_UNSUPPORTED = {
    "previous_response_id": (
        "Responses are not stored: send the conversation so far as 'input' items, the output of"
        " the response before among them."
    ),
    "conversation": "Conversations are not stored: send the items so far as 'input'.",
    "background": "POST /v1/runs works on a task in the background.",
    "prompt": "Prompts are not stored: send 'instructions' and 'input'.",
    "context_management": "Nothing is compacted here: send fewer items.",
    "moderation": "",
    "messages": "Send 'input', or use /v1/chat/completions.",
    "response_format": "Send 'text.format'.",
    "max_tokens": "Send 'max_output_tokens'.",
    "max_completion_tokens": "Send 'max_output_tokens'.",
    "reasoning_effort": "Send 'reasoning.effort'.",
    "functions": "Send 'tools'.",
    "n": "A response is one answer.",
}
_TRANSLATED = frozenset({
    "model", "input", "instructions", "tools", "tool_choice", "text", "reasoning",
    "max_output_tokens", "stream", "include", "top_logprobs",
})  # fmt: skip
_WITHOUT_EFFECT = frozenset({
    "store", "metadata", "truncation", "max_tool_calls", "stream_options", "background_options",
    "prompt_cache_options", "prompt_cache_retention", "image", "access_programs",
})  # fmt: skip
_ECHOED = (
    "instructions", "max_output_tokens", "max_tool_calls", "metadata", "parallel_tool_calls",
    "reasoning", "safety_identifier", "temperature", "text", "tool_choice", "tools",
    "top_logprobs", "top_p", "user",
)  # fmt: skip
_LOGPROBS = "message.output_text.logprobs"
_CHOICES = frozenset({"auto", "none", "required"})


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """A request for a response.

    Args:
        chat: The chat request it comes to.
        echo: Fields of the request that the response repeats.
        summarised: Whether reasoning is told as a summary, since the caller asked for one.
    """

    chat: ChatRequest
    echo: dict[str, Any]
    summarised: bool


def read_request(body: bytes) -> ResponseRequest:
    """Read a request.

    Raises:
        ApiError: 400, naming the field that is wrong or not supported.
    """
    fields, model, extension = open_object(body)
    check_unsupported(fields, _UNSUPPORTED)
    reasoning = optional_object(fields, "reasoning") or {}
    text = optional_object(fields, "text") or {}
    tools, choice = _tools(field(fields, "tools"), field(fields, "tool_choice"))
    made = {
        "messages": messages_of(field(fields, "input"), field(fields, "instructions")),
        "tools": tools,
        "tool_choice": choice,
        "response_format": _format(text.get("format")),
        "verbosity": text.get("verbosity"),
        "reasoning_effort": reasoning.get("effort"),
        "max_completion_tokens": _most_tokens(field(fields, "max_output_tokens")),
        **_logprobs(field(fields, "include"), field(fields, "top_logprobs")),
    }
    chat = chat_request(
        API,
        model,
        passed=without(fields, _TRANSLATED | _WITHOUT_EFFECT | _UNSUPPORTED.keys()),
        made=made,
        stream=flag(field(fields, "stream"), "stream"),
        extension=extension,
    )
    echo = {name: field(fields, name) for name in _ECHOED}
    return ResponseRequest(chat, echo, reasoning.get("summary") is not None)


def _most_tokens(value: Any) -> int | None:
    return None if value is None else count_of(value, "max_output_tokens")


def _logprobs(include: Any, top: Any) -> dict[str, Any]:
    if include is not None and not isinstance(include, list):
        refuse("'include' must be an array.", "include")
    if top is None and _LOGPROBS not in (include or ()):
        return {}
    return {"logprobs": True, "top_logprobs": top}


def _format(wanted: Any) -> dict[str, Any] | None:
    """Return the ``response_format`` of a ``text.format``."""
    if wanted is None:
        return None
    kind = object_of(wanted, "text.format").get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": kind}
    if kind != "json_schema":
        refuse("'text.format.type' must be text, json_object or json_schema.", "text.format.type")
    schema = {name: value for name, value in wanted.items() if name != "type"}
    object_of(schema.get("schema"), "text.format.schema")
    return {"type": kind, kind: schema}


def _tools(given: Any, choice: Any) -> tuple[list[dict[str, Any]] | None, Any]:
    """Return ``tools`` and ``tool_choice`` of chat completions."""
    tools = None if given is None else objects_of(given, "tools")
    functions = [_function(tool, f"tools[{index}]") for index, tool in enumerate(tools or ())]
    if choice is None or (isinstance(choice, str) and choice in _CHOICES):
        return functions or None, choice
    choice = object_of(choice, "tool_choice")
    if choice.get("type") == "function":
        name = text_of(choice.get("name"), "tool_choice.name")
        return functions or None, {"type": "function", "function": {"name": name}}
    if choice.get("type") == "allowed_tools":
        allowed = objects_of(choice.get("tools"), "tool_choice.tools")
        names = {tool.get("name") for tool in allowed if isinstance(tool.get("name"), str)}
        kept = [tool for tool in functions if tool["function"]["name"] in names]
        return kept or None, choice.get("mode") if kept else None
    return refuse("'tool_choice' must be auto, none, required, or name functions.", "tool_choice")


def _function(tool: dict[str, Any], at: str) -> dict[str, Any]:
    if tool.get("type") != "function":
        refuse(
            f"Tools of type {tool.get('type')!r} are not supported: this service has no built-in"
            " tools. Offer a function, and do what it is called for yourself.",
            f"{at}.type",
        )
    text_of(tool.get("name"), f"{at}.name")
    names = ("name", "description", "parameters", "strict")
    return {
        "type": "function",
        "function": {name: tool[name] for name in names if tool.get(name) is not None},
    }
