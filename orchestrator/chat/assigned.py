"""Which chat requests a strategy can answer: pure functions of the request.

A caller who names a strategy knows what it ignores, and is only refused what would change the form of
the answer. Where an operator has assigned the strategy the caller knows nothing of it, so whatever it
would ignore makes the request go to one expert.
"""

from __future__ import annotations

from typing import Any

from orchestrator.chat.request import ChatRequest, field

_KEPT = frozenset({"model", "messages", "stream", "stream_options", "temperature", "top_p", "seed"})
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
