"""Which chat requests a strategy answers: pure functions of the request.

A caller who names a strategy knows what it ignores, and is only refused what would change the form of
the answer. Where an operator has assigned the strategy the caller knows nothing of it, so whatever it
would ignore makes the request go to one expert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.assignments.service import ANY, Assignments, Scope
from orchestrator.chat.length import LENGTHS
from orchestrator.chat.request import ChatRequest, field
from orchestrator.conductor.strategies.direct import DIRECT
from orchestrator.kit.errors import ApiError
from router import RoutingDecision

_KEPT = frozenset(
    {"model", "messages", "stream", "stream_options", "temperature", "top_p", "seed", *LENGTHS}
)
_LABELS = frozenset(
    {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"}
)
"""Fields that say nothing of the answer."""
_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "modalities": (["text"],),
    "response_format": ({"type": "text"},),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "stop": ([],),
}
"""Values that ask for what a strategy does anyway."""
_FORM = ("tools", "functions", "n", "logprobs", "modalities", "audio")


@dataclass(frozen=True, slots=True)
class Assigned:
    """A strategy that an operator has assigned to a request.

    Args:
        strategy: Its name.
        scope: What it is assigned to.
        ignored: The first field of the request that it would not heed: one expert answers then.
    """

    strategy: str
    scope: Scope
    ignored: str | None = None

    @property
    def answers(self) -> str | None:
        """The strategy, if it is what answers."""
        return self.strategy if self.ignored is None else None

    @property
    def unused(self) -> str:
        """What a header says of one that does not answer."""
        return f"{self.strategy}; reason={self.ignored}"

    @property
    def reason(self) -> str:
        """Why it answers, or does not, in a sentence."""
        names = zip(("tenant", "category", "policy"), self.scope, strict=True)
        to = ", ".join(f"{name} {what}" for name, what in names if what != ANY) or "all requests"
        told = f"{self.strategy} is assigned to {to}"
        return (
            f"{told}." if self.ignored is None else f"{told}, and does not heed '{self.ignored}'."
        )


def assigned_to(
    chat: ChatRequest, decision: RoutingDecision, tenant: str, assignments: Assignments
) -> Assigned | None:
    """Return the strategy that is assigned to a request, if one is.

    Args:
        chat: The request; ``model`` names neither strategy nor expert.
        decision: The router's.
        tenant: Whose it is.
        assignments: All that there are.
    """
    found = assignments.find(tenant, decision.policy, decision.category)
    if found is None or found[0] == DIRECT.name:
        return None
    return Assigned(*found, ignored(chat))


def check_form(chat: ChatRequest) -> None:
    """See that a strategy can answer a request whose caller has named one.

    Raises:
        ApiError: 400, naming the field that asks for a form of answer no strategy gives.
    """
    name = refused(chat)
    if name is not None:
        told = f"A strategy cannot give what '{name}' asks for: name a policy or an expert instead."
        raise ApiError(400, "invalid_request", told, param=name)


def refused(chat: ChatRequest) -> str | None:
    """Return the first field that asks for a form of answer no strategy gives, if one does."""
    return next((name for name in _FORM if _asks(chat, name)), None)


def ignored(chat: ChatRequest) -> str | None:
    """Return the first field that no strategy heeds, or ``messages`` where more than text is in them."""
    for name in chat.fields:
        if name not in _KEPT and name not in _LABELS and _asks(chat, name):
            return name
    if chat.limits.quality_floor is not None:
        return "coe.quality_floor"
    return None if all(map(_is_text, chat.messages)) else "messages"


def _asks(chat: ChatRequest, name: str) -> bool:
    value = field(chat.fields, name)
    return value is not None and value not in _WITHOUT_EFFECT.get(name, ())


def _is_text(message: dict[str, Any]) -> bool:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    texts = all(isinstance(part, dict) and part.get("type") == "text" for part in parts)
    called = message.get("tool_calls") or message.get("function_call")
    return texts and not called and message["role"] not in {"tool", "function"}
