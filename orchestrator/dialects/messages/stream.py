"""A message as a stream of events.

Wire: https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

from __future__ import annotations

from typing import Any

from orchestrator.dialects.messages.answer import block, ending, head, shown, usage_fields
from orchestrator.dialects.messages.errors import error_fields
from orchestrator.dialects.messages.request import MessageRequest
from orchestrator.dialects.parts import Part, Told
from orchestrator.dialects.streams import StreamTranslator, event

_PING = event("ping", {"type": "ping"})
_DELTAS = {
    "tool": ("input_json_delta", "partial_json"),
    "reasoning": ("thinking_delta", "thinking"),
}
_TEXT = ("text_delta", "text")


class MessageStream(StreamTranslator):
    """Tells a stream of chat completions as one of message events.

    Args:
        asked: The request.
        request_id: Its id.
    """

    def __init__(self, asked: MessageRequest, request_id: str) -> None:
        super().__init__(request_id, asked.chat.model, signed=True)
        self._asked = asked
        self._numbers: dict[int, int] = {}

    def begun(self) -> bytes:
        """Return ``message_start``, with an estimate of the prompt's tokens."""
        message = head(self.request_id, self.model, usage_fields(self._asked, None))
        return _event("message_start", message=message) + _PING

    def told(self, told: Told) -> bytes:
        """Return the event of a content block."""
        part = told.part
        if not shown(part, self._asked):
            return b""
        number = self._number(part)
        if told.what == ("grown" if part.kind == "sealed" else "opened"):  # the one has no deltas
            begun = block(part, begun=part.kind != "sealed")
            return _event("content_block_start", index=number, content_block=begun)
        if told.what == "closed":
            return _signed(part, number) + _event("content_block_stop", index=number)
        if part.kind == "sealed":
            return b""
        kind, name = _DELTAS.get(part.kind, _TEXT)
        delta = {"type": kind, name: told.piece}
        return _event("content_block_delta", index=number, delta=delta)

    def ended(self) -> bytes:
        """Return ``message_delta`` and ``message_stop``."""
        parts = self.assembly.parts
        told = {
            "delta": ending(self._asked, self.choice, parts),
            "usage": usage_fields(self._asked, self.usage, parts),
        }
        if self.extension is not None:
            told["coe"] = self.extension
        return _event("message_delta", **told) + _event("message_stop")

    def failed(self, error: dict[str, Any]) -> bytes:
        """Return ``error``."""
        return event("error", error_fields(error))

    def alive(self) -> bytes:
        """Return a ``ping``."""
        return _PING

    def _number(self, part: Part) -> int:
        return self._numbers.setdefault(part.number, len(self._numbers))


def _signed(part: Part, number: int) -> bytes:
    if not part.signature:
        return b""
    delta = {"type": "signature_delta", "signature": part.signature}
    return _event("content_block_delta", index=number, delta=delta)


def _event(kind: str, /, **fields: Any) -> bytes:
    return event(kind, {"type": kind, **fields})
