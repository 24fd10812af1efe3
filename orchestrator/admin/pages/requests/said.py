"""What was said in a request. Pure."""

from __future__ import annotations

import json
from typing import Any

from coe_client.types import RequestContent, RequestDetail
from orchestrator.admin.parts.markup import Markup, link, tag
from orchestrator.admin.parts.states import empty

_NAMES = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


def conversation(detail: RequestDetail, said: RequestContent | None) -> Markup:
    """Return the messages and the answer, or why they are not there."""
    if said is None:
        tenant = detail.tenant or ""
        return empty(
            "What was said is not stored",
            [
                "Texts are kept only where the tenant agrees. See the tenant ",
                link(tenant, f"/admin/tenants/{tenant}"),
                ".",
            ],
            "visibility_off",
        )
    told = [_bubble(one.get("role", ""), text_of(one)) for one in messages_of(said)]
    told.append(
        _bubble("assistant", said.answer)
        if said.answer is not None
        else tag("p", "The answer is not stored, only what was asked.", class_="small faint")
    )
    told.append(tag("p", "Secrets and personal details are blotted out.", class_="small faint"))
    return tag("div", told, class_="said")


def messages_of(said: RequestContent) -> list[dict[str, Any]]:
    """Return the messages that can be sent again."""
    return [one for one in said.messages if isinstance(one, dict) and one.get("role")]


def text_of(message: dict[str, Any]) -> str:
    """Return a message as text; parts that are none are named."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(
            str(part.get("text") or f"[{part.get('type', 'part')}]")
            for part in content
            if isinstance(part, dict)
        )
    calls = message.get("tool_calls")
    return json.dumps(calls, indent=2) if calls else ""


def last_question(said: RequestContent) -> str:
    """Return what the user said last; empty if nothing."""
    asked = [one for one in messages_of(said) if one.get("role") == "user"]
    return text_of(asked[-1]) if asked else ""


def _bubble(role: str, text: str) -> Markup:
    return tag(
        "div",
        tag("span", _NAMES.get(role, role), class_="small faint who"),
        tag("div", text, class_="answer"),
        class_=f"bubble {role}",
    )
