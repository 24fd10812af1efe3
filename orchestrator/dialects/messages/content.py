"""Content blocks, and the messages of chat completions they come to."""

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
from orchestrator.dialects.fields import encoded, object_of, objects_of, refuse, text_of
from orchestrator.dialects.marks import mark_of

Block = dict[str, Any]
_SEND_IT = "Files are not stored here: send a source of type 'base64' or 'url'."


def messages_of(given: Any, system: Any) -> list[Message]:
    """Return the messages that ``messages`` and ``system`` come to.

    Raises:
        ApiError: 400, naming the block that is wrong or not supported.
    """
    conversation = Conversation()
    if system is not None:
        conversation.system(_instructions(system, "system"))
    if not isinstance(given, list) or not given:
        refuse("'messages' must be a non-empty array.", "messages")
    for index, message in enumerate(objects_of(given, "messages")):
        at, role = f"messages[{index}]", message.get("role")
        content = message.get("content")
        if role == "user":
            _add_user(conversation, _blocks(content, f"{at}.content"), f"{at}.content")
        elif role == "assistant":
            _add_assistant(conversation, _blocks(content, f"{at}.content"), f"{at}.content")
        elif role == "system":
            conversation.system(_instructions(content, f"{at}.content"))
        else:
            refuse("'role' must be user, assistant or system.", f"{at}.role")
    return conversation.messages()


def _blocks(content: Any, at: str) -> list[Block]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return objects_of(content, at)


def _instructions(content: Any, at: str) -> list[Part]:
    parts = []
    for index, block in enumerate(_blocks(content, at)):
        if block.get("type") != "text":
            refuse("Only text can stand here.", f"{at}[{index}].type")
        text = text_of(block.get("text"), f"{at}[{index}].text")
        parts.append(text_part(text) | mark_of(block))
    return parts


def _add_user(conversation: Conversation, blocks: list[Block], at: str) -> None:
    parts: list[Part] = []
    for index, block in enumerate(blocks):
        place = f"{at}[{index}]"
        if block.get("type") == "tool_result":
            _add_result(conversation, block, place)
        else:
            parts += _parts(block, place)
            parts[-1] |= mark_of(block)
    if parts or not blocks:
        conversation.user(parts or [text_part("")])


def _add_result(conversation: Conversation, block: Block, at: str) -> None:
    call_id = text_of(block.get("tool_use_id"), f"{at}.tool_use_id")
    content = block.get("content")
    parts: list[Part] = []
    for index, inner in enumerate(_blocks([] if content is None else content, f"{at}.content")):
        parts += _parts(inner, f"{at}.content[{index}]")
    if block.get("is_error") is True:
        parts.insert(0, text_part("Error:"))  # chat completions have no other sign of it
    conversation.result(call_id, parts, mark_of(block))


def _add_assistant(conversation: Conversation, blocks: list[Block], at: str) -> None:
    said = ""
    for index, block in enumerate(blocks):
        place, kind = f"{at}[{index}]", block.get("type")
        if kind == "text":
            said += text_of(block.get("text"), f"{place}.text")
        elif kind == "thinking":
            _add_thought(conversation, block, place)
        elif kind == "redacted_thinking":
            conversation.thought(
                "", {"type": kind, "data": text_of(block.get("data"), f"{place}.data")}
            )
        elif kind != "tool_use":
            _refuse_block(kind, place)
    if said or not blocks:
        conversation.said(said)
    for index, block in enumerate(blocks):
        if block.get("type") == "tool_use":
            _add_call(conversation, block, f"{at}[{index}]")


def _add_thought(conversation: Conversation, block: Block, at: str) -> None:
    text, signature = text_of(block.get("thinking"), f"{at}.thinking"), block.get("signature")
    if not isinstance(signature, str) or not signature:  # nobody signed it
        conversation.thought(text)
        return
    signed = {"type": "thinking", "thinking": text, "signature": signature}
    conversation.thought(text, signed)


def _add_call(conversation: Conversation, block: Block, at: str) -> None:
    arguments = encoded(object_of(block.get("input"), f"{at}.input"), f"{at}.input").decode()
    call_id = text_of(block.get("id"), f"{at}.id")
    conversation.called(call_id, text_of(block.get("name"), f"{at}.name"), arguments)


def _parts(block: Block, at: str) -> list[Part]:
    """Return the content parts that a block of a user, or of a tool's result, comes to."""
    kind = block.get("type")
    if kind == "text":
        return [text_part(text_of(block.get("text"), f"{at}.text"))]
    if kind == "image":
        return [image_part(_url(object_of(block.get("source"), f"{at}.source"), f"{at}.source"))]
    if kind == "document":
        return _document(block, at)
    return _refuse_block(kind, at)


def _url(source: dict[str, Any], at: str) -> str:
    """Return a source as a URL."""
    if source.get("type") == "url":
        return text_of(source.get("url"), f"{at}.url")
    if source.get("type") != "base64":
        refuse(_SEND_IT, f"{at}.type")
    media = text_of(source.get("media_type"), f"{at}.media_type")
    return f"data:{media};base64,{text_of(source.get('data'), f'{at}.data')}"


def _document(block: Block, at: str) -> list[Part]:
    source, where = object_of(block.get("source"), f"{at}.source"), f"{at}.source"
    title = block.get("title")
    if source.get("type") == "text":
        text = text_of(source.get("data"), f"{where}.data")
        return [text_part(f"{title}\n\n{text}" if isinstance(title, str) else text)]
    if source.get("type") == "content":
        content = _blocks(source.get("content"), f"{where}.content")
        found = (_parts(one, f"{where}.content[{i}]") for i, one in enumerate(content))
        return [part for parts in found for part in parts]
    if source.get("type") != "base64":
        refuse("Send the document itself, as a source of type 'base64' or 'text'.", f"{where}.type")
    return [file_part(_url(source, where), title if isinstance(title, str) else "document.pdf")]


def _refuse_block(kind: Any, at: str) -> list[Part]:
    return refuse(f"Content of type {kind!r} is not supported here.", f"{at}.type")
