"""A response as an object, whole or at some point of its stream.

Wire: https://platform.openai.com/docs/api-reference/responses/object.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from experts.providers import wire
from experts.providers.protocol import Usage
from orchestrator.dialects.completion import Completion
from orchestrator.dialects.parts import Part, parts_of
from orchestrator.dialects.responses.request import ResponseRequest

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_DEFAULTS: dict[str, Any] = {
    "metadata": {},
    "parallel_tool_calls": True,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "reasoning": {"effort": None, "summary": None},
}


@dataclass(slots=True)
class ResponseObject:
    """What all tellings of one response have in common.

    Args:
        asked: The request.
        request_id: Its id, which the ids of response and items are made of.
    """

    asked: ResponseRequest
    request_id: str
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def _name(self) -> str:
        return self.request_id.removeprefix("req_")

    def fields(self, status: str, model: str, **others: Any) -> dict[str, Any]:
        """Return the response."""
        echo = {
            name: _DEFAULTS.get(name) if value is None else value
            for name, value in self.asked.echo.items()
        }
        return {
            "id": f"resp_{self._name}",
            "object": "response",
            "created_at": self.created,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "model": model,
            "output": [],
            "previous_response_id": None,
            "store": False,
            "truncation": "disabled",
            "usage": None,
            **echo,
            **others,
        }

    def finished(
        self,
        model: str,
        parts: list[Part],
        *,
        finish_reason: str | None,
        usage: Usage | None,
        extension: Any = None,
    ) -> dict[str, Any]:
        """Return the response once the expert has said everything."""
        reason = _INCOMPLETE.get(finish_reason or "")
        items = [self.item(part) for part in parts]
        if reason and items:
            items[-1] = self.item(parts[-1], "incomplete")
        response = self.fields(
            "incomplete" if reason else "completed",
            model,
            incomplete_details={"reason": reason} if reason else None,
            output=items,
            usage=None if usage is None else usage_fields(usage),
        )
        if not reason:
            response["completed_at"] = int(time.time())
        return response if extension is None else response | {"coe": extension}

    def item(self, part: Part, status: str = "completed") -> dict[str, Any]:
        """Return a part of the answer as an output item; one in progress is empty."""
        begun = status == "in_progress"
        if part.kind == "tool":
            return {
                "id": self.item_id(part),
                "type": "function_call",
                "status": status,
                "call_id": part.call_id,
                "name": part.name,
                "arguments": "" if begun else part.text,
            }
        content = [] if begun else [self.content(part)]
        if part.kind == "reasoning":
            shown = (
                {"summary": content}
                if self.asked.summarised
                else {"summary": [], "content": content}
            )
            return {"id": self.item_id(part), "type": "reasoning", "status": status, **shown}
        return {
            "id": self.item_id(part),
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def content(self, part: Part, *, begun: bool = False) -> dict[str, Any]:
        """Return what stands in a part; empty where it has only begun."""
        text = "" if begun else part.text
        if part.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        if part.kind == "reasoning":
            kind = "summary_text" if self.asked.summarised else "reasoning_text"
            return {"type": kind, "text": text}
        logprobs = [] if begun else part.logprobs
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}

    def item_id(self, part: Part) -> str:
        """Return the id of a part's item."""
        prefix = {"tool": "fc", "reasoning": "rs"}.get(part.kind, "msg")
        return f"{prefix}_{self._name}_{part.number}"


def whole_response(asked: ResponseRequest, request_id: str, answer: Completion) -> dict[str, Any]:
    """Return a whole answer as a response.

    Raises:
        ExpertAnswerInvalid: If there is no message in it.
    """
    choice, parts = parts_of(answer)
    return ResponseObject(asked, request_id).finished(
        answer.model or asked.chat.model,
        parts,
        finish_reason=choice.finish_reason,
        usage=wire.read_usage(answer.usage),
    )


def usage_fields(usage: Usage) -> dict[str, Any]:
    """Return usage as this protocol names it."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
