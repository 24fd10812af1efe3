"""Builds the messages of a chat-completions request from what other protocols call a turn.

Tool calls join the assistant's message before them. Pictures in a tool's result follow as a user
message, since a ``tool`` message holds text alone. What an assistant thought is kept within the
current turn only (a chain of tool calls), which is as far as vendors want it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from orchestrator.dialects.marks import Message as Message
from orchestrator.dialects.marks import Part as Part
from orchestrator.dialects.marks import instruction, simplified

_NO_MARK: Mapping[str, Any] = MappingProxyType({})


class Conversation:
    """The messages so far; :meth:`messages` ends it."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._thought: list[str] = []
        self._signed: list[Part] = []
        self._seen: list[Part] = []
        self._turn = 0

    def system(self, parts: list[Part]) -> None:
        """Add an instruction, in parts that are texts."""
        self._show_pictures()
        self._messages.append({"role": "system", "content": instruction(parts)})

    def user(self, parts: Sequence[Part]) -> None:
        """Begin a turn with what a person says, in content parts of chat completions."""
        shown, self._seen = self._seen, []
        self._thought.clear()
        self._signed.clear()
        self._turn = len(self._messages)
        self._messages.append({"role": "user", "content": simplified([*shown, *parts])})

    def thought(self, text: str, block: Part | None = None) -> None:
        """Note what the assistant thought before what it says or calls next.

        Args:
            text: What that was.
            block: The same as its vendor signed it, which wants it back unchanged: goes along in
                ``thinking_blocks``, as litellm takes it.
        """
        if text:
            self._thought.append(text)
        if block is not None:
            self._signed.append(block)

    def said(self, text: str) -> None:
        """Add what the assistant says; after more of it, on a line of its own."""
        message = self._assistant()
        before = message["content"]
        message["content"] = f"{before}\n{text}" if before else text

    def refused(self, text: str) -> None:
        """Add the assistant's refusal."""
        self._assistant()["refusal"] = text

    def called(self, call_id: str, name: str, arguments: str) -> None:
        """Add a tool call of the assistant's; ``arguments`` is JSON."""
        function = {"name": name, "arguments": arguments}
        call = {"id": call_id, "type": "function", "function": function}
        self._assistant().setdefault("tool_calls", []).append(call)

    def result(
        self, call_id: str, parts: Sequence[Part], mark: Mapping[str, Any] = _NO_MARK
    ) -> None:
        """Add a tool's result, and a field that marks it."""
        texts = [part["text"] for part in parts if part["type"] == "text"]
        self._seen += [part for part in parts if part["type"] != "text"]
        self._messages.append(
            {"role": "tool", "tool_call_id": call_id, "content": "\n".join(texts), **mark}
        )

    def messages(self) -> list[Message]:
        """Return all messages."""
        self._show_pictures()
        for message in self._messages[: self._turn]:
            message.pop("reasoning_content", None)
            message.pop("thinking_blocks", None)
        return self._messages

    def _assistant(self) -> Message:
        self._show_pictures()
        if not self._messages or self._messages[-1]["role"] != "assistant":
            self._messages.append({"role": "assistant", "content": None})
        message = self._messages[-1]
        if self._thought:
            before = message.get("reasoning_content")
            thoughts = [before, *self._thought] if before else self._thought
            message["reasoning_content"] = "\n\n".join(thoughts)
            self._thought = []
        if self._signed:
            message["thinking_blocks"] = [*message.get("thinking_blocks", ()), *self._signed]
            self._signed = []
        return message

    def _show_pictures(self) -> None:
        shown, self._seen = self._seen, []
        if shown:
            self._messages.append({"role": "user", "content": shown})


def text_part(text: str) -> Part:
    """Return a content part that is text."""
    return {"type": "text", "text": text}


def image_part(url: str, detail: Any = None) -> Part:
    """Return a content part that is a picture."""
    image = {"url": url} if detail is None else {"url": url, "detail": detail}
    return {"type": "image_url", "image_url": image}


def file_part(data: str, name: str) -> Part:
    """Return a content part that is a file, as a ``data:`` URL."""
    return {"type": "file", "file": {"filename": name, "file_data": data}}
