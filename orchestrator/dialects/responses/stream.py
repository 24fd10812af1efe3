"""A response as a stream of events.

Wire: https://platform.openai.com/docs/api-reference/responses-streaming.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from orchestrator.dialects.parts import Part, Told
from orchestrator.dialects.responses.answer import ResponseObject
from orchestrator.dialects.responses.request import ResponseRequest
from orchestrator.dialects.streams import StreamTranslator, event


class _Names(NamedTuple):
    """What the events of a content part are called, and the fields that differ."""

    part: str
    piece: str
    order: str = "content_index"
    whole: str = "text"


_TEXT = _Names("content_part", "output_text")
_REFUSAL = _Names("content_part", "refusal", whole="refusal")
_REASONING = _Names("content_part", "reasoning_text")
_SUMMARY = _Names("reasoning_summary_part", "reasoning_summary_text", "summary_index")
_ARGUMENTS = "function_call_arguments"


class ResponseStream(StreamTranslator):
    """Tells a stream of chat completions as one of response events.

    Args:
        asked: The request.
        request_id: Its id.
    """

    def __init__(self, asked: ResponseRequest, request_id: str) -> None:
        super().__init__(request_id, asked.chat.model)
        self._object = ResponseObject(asked, request_id)
        self._summarised = asked.summarised
        self._count = 0

    def begun(self) -> bytes:
        """Return ``response.created`` and ``response.in_progress``."""
        response = self._object.fields("in_progress", self.model)
        created = self._event("created", response=response)
        return created + self._event("in_progress", response=response)

    def told(self, told: Told) -> bytes:
        """Return the events of an output item."""
        part = told.part
        if told.what == "opened":
            return self._opened(part)
        if told.what == "closed":
            return self._closed(part)
        place = self._place(part)
        if part.kind == "tool":
            return self._event(f"{_ARGUMENTS}.delta", **place, delta=told.piece)
        names = self._names(part)
        place[names.order] = 0
        if part.kind == "text":
            place["logprobs"] = told.logprobs
        return self._event(f"{names.piece}.delta", **place, delta=told.piece)

    def ended(self) -> bytes:
        """Return ``response.completed``, or ``response.incomplete``."""
        response = self._object.finished(
            self.model,
            self.assembly.parts,
            finish_reason=self.choice.finish_reason,
            usage=self.usage,
            extension=self.extension,
        )
        return self._event(response["status"], response=response)

    def failed(self, error: dict[str, Any]) -> bytes:
        """Return ``error`` and ``response.failed``."""
        code, message = error.get("code"), error.get("message")
        said = {"code": code, "message": message, "param": error.get("param")}
        known = "rate_limit_exceeded" if error.get("type") == "rate_limit_error" else "server_error"
        output = [
            self._object.item(part, "completed" if part.closed else "incomplete")
            for part in self.assembly.parts
        ]
        response = self._object.fields(
            "failed", self.model, output=output, error={"code": known, "message": message}
        )
        told = self._named("error", **said)
        return told + self._event("failed", response=response)

    def happened(self, happening: dict[str, Any]) -> bytes:
        """Return the event for a step of a strategy."""
        return self._named("coe", coe={"event": happening})

    def _opened(self, part: Part) -> bytes:
        item = self._object.item(part, "in_progress")
        added = self._event("output_item.added", output_index=part.number, item=item)
        if part.kind == "tool":
            return added
        names = self._names(part)
        content = self._object.content(part, begun=True)
        return added + self._event(
            f"{names.part}.added", **self._place(part), **{names.order: 0}, part=content
        )

    def _closed(self, part: Part) -> bytes:
        place = self._place(part)
        item = self._object.item(part)
        if part.kind == "tool":
            named = {"name": part.name, "arguments": part.text}
            told = self._event(f"{_ARGUMENTS}.done", **place, **named)
        else:
            names = self._names(part)
            place[names.order] = 0
            more = {"logprobs": part.logprobs} if part.kind == "text" else {}
            whole = {names.whole: part.text, **more}
            told = self._event(f"{names.piece}.done", **place, **whole)
            told += self._event(f"{names.part}.done", **place, part=self._object.content(part))
        return told + self._event("output_item.done", output_index=part.number, item=item)

    def _names(self, part: Part) -> _Names:
        if part.kind == "reasoning":
            return _SUMMARY if self._summarised else _REASONING
        return _REFUSAL if part.kind == "refusal" else _TEXT

    def _place(self, part: Part) -> dict[str, Any]:
        return {"item_id": self._object.item_id(part), "output_index": part.number}

    def _event(self, name: str, /, **fields: Any) -> bytes:
        return self._named(f"response.{name}", **fields)

    def _named(self, kind: str, /, **fields: Any) -> bytes:
        told = event(kind, {"type": kind, "sequence_number": self._count, **fields})
        self._count += 1
        return told
