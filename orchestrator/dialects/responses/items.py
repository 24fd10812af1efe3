"""The input of a response, item by item, as messages of chat completions."""

from __future__ import annotations

from typing import Any

from orchestrator.dialects.conversation import (
    Conversation,
    Message,
    Part,
    file_part,
    image_part,
    text_part,
)
from orchestrator.dialects.fields import object_of, objects_of, refuse, text_of

_INSTRUCTING = frozenset({"system", "developer"})
_SEND_IT = "Files are not stored here: send the data itself, as a 'data:' URL."


def messages_of(given: Any, instructions: Any) -> list[Message]:
    """Return the messages that ``input`` and ``instructions`` come to.

    Raises:
        ApiError: 400, naming the item that is wrong or not supported.
    """
    conversation = Conversation()
    if instructions is not None:
        conversation.system([text_part(text_of(instructions, "instructions"))])
    if isinstance(given, str):
        conversation.user([text_part(given)])
        return conversation.messages()
    if not isinstance(given, list) or not given:
        refuse("'input' must be a string or a non-empty array of items.", "input")
    for index, item in enumerate(objects_of(given, "input")):
        _add(conversation, item, f"input[{index}]")
    return conversation.messages()


def _add(conversation: Conversation, item: dict[str, Any], at: str) -> None:
    kind = item.get("type", "message")
    if kind == "message":
        _add_message(conversation, item, at)
    elif kind == "function_call":
        conversation.called(
            text_of(item.get("call_id"), f"{at}.call_id"),
            text_of(item.get("name"), f"{at}.name"),
            text_of(item.get("arguments"), f"{at}.arguments"),
        )
    elif kind == "function_call_output":
        call_id = text_of(item.get("call_id"), f"{at}.call_id")
        conversation.result(call_id, _parts(item.get("output"), f"{at}.output"))
    elif kind == "reasoning":
        conversation.thought(_thought(item, at))
    elif kind == "item_reference":
        refuse("Responses are not stored here: send the item itself.", at)
    else:
        refuse(
            f"Items of type {kind!r} are not supported: the tools there are here are functions.",
            f"{at}.type",
        )


def _add_message(conversation: Conversation, item: dict[str, Any], at: str) -> None:
    role, content = item.get("role"), item.get("content")
    if role == "assistant":
        _add_said(conversation, content, f"{at}.content")
    elif role == "user":
        conversation.user(_parts(content, f"{at}.content"))
    elif isinstance(role, str) and role in _INSTRUCTING:
        parts = _parts(content, f"{at}.content")
        if any(part["type"] != "text" for part in parts):
            refuse(f"A {role} message holds text only.", f"{at}.content")
        conversation.system(parts)
    else:
        refuse("'role' must be user, assistant, system or developer.", f"{at}.role")


def _add_said(conversation: Conversation, content: Any, at: str) -> None:
    if isinstance(content, str):
        conversation.said(content)
        return
    for index, part in enumerate(objects_of(content, at)):
        if part.get("type") == "refusal":
            conversation.refused(text_of(part.get("refusal"), f"{at}[{index}].refusal"))
        else:
            conversation.said(text_of(part.get("text"), f"{at}[{index}].text"))


def _parts(content: Any, at: str) -> list[Part]:
    if isinstance(content, str):
        return [text_part(content)]
    return [_part(part, f"{at}[{index}]") for index, part in enumerate(objects_of(content, at))]


def _part(part: dict[str, Any], at: str) -> Part:
    kind = part.get("type")
    if kind in ("input_text", "output_text", "text"):
        return text_part(text_of(part.get("text"), f"{at}.text"))
    if kind == "input_image":
        if part.get("image_url") is None:
            refuse(_SEND_IT, f"{at}.image_url")
        url = text_of(part["image_url"], f"{at}.image_url")
        detail = part.get("detail")
        return image_part(url, None if detail == "auto" else detail)
    if kind == "input_file":
        if part.get("file_data") is None:
            refuse(_SEND_IT, f"{at}.file_data")
        name = text_of(part.get("filename", "file"), f"{at}.filename")
        return file_part(text_of(part["file_data"], f"{at}.file_data"), name)
    if kind == "input_audio":
        return {"type": kind, kind: object_of(part.get(kind), f"{at}.{kind}")}
    return refuse(f"Content of type {kind!r} is not supported.", f"{at}.type")


def _thought(item: dict[str, Any], at: str) -> str:
    """Return what a reasoning item says: itself, or its summary."""
    for name in ("content", "summary"):
        parts = objects_of(item.get(name) or [], f"{at}.{name}")
        texts = [text_of(part.get("text"), f"{at}.{name}") for part in parts]
        if texts:
            return "\n\n".join(texts)
    return ""
