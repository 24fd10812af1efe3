"""The outgoing request: the catalogue entry and the caller's fields merged. Pure.

Fields of the caller may be ``msgspec.Raw``, and then go out as the bytes they came in as: the
messages of a long conversation are never decoded only to be encoded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from experts.catalogue.expert import Expert
from experts.providers.wire import plain

_OURS = frozenset({"coe", "model", "stream", "stream_options"})
"""Fields that are decided here and never taken over as they are."""
_NOT_DEFAULTS = _OURS | {"messages", "script"}
_SAME_MEANING = ({"max_tokens", "max_completion_tokens"},)
"""Fields of which a caller gives one: a default for the other would contradict it."""


class Prepared(msgspec.Struct, frozen=True):
    """A request ready to be sent.

    Args:
        body: The request by field.
        usage_wanted: Whether the caller asked for the usage chunk of a stream; it is always asked
            for upstream, since usage is recorded.
    """

    body: dict[str, Any]
    usage_wanted: bool = False


def prepare(expert: Expert, fields: Mapping[str, Any], *, stream: bool) -> Prepared:
    """Merge a catalogue entry and a caller's request.

    Args:
        expert: Whose model, system prompt and default parameters are used.
        fields: The caller's request by field; values are plain or ``msgspec.Raw``.
        stream: Whether the answer is to be streamed.
    """
    body = {name: value for name, value in fields.items() if name not in _OURS}
    for name, value in expert.parameters.items():
        if name not in _NOT_DEFAULTS and _is_open(body, name):
            body[name] = value
    if expert.system_prompt:
        body["messages"] = with_system_prompt(expert.system_prompt, body.get("messages", []))
    body["model"] = expert.model or expert.id
    body["stream"] = stream
    if not stream:
        return Prepared(body)
    options = plain(fields.get("stream_options"))
    options = options if isinstance(options, dict) else {}
    body["stream_options"] = {**options, "include_usage": True}
    return Prepared(body, usage_wanted=options.get("include_usage") is True)


def with_system_prompt(prompt: str, messages: Any) -> Any:
    """Put a system message before the caller's messages, leaving their bytes as they are."""
    first = _system_message(prompt)
    if not isinstance(messages, msgspec.Raw):
        return [msgspec.Raw(first), *messages]
    array = bytes(messages).strip()
    if not array.startswith(b"["):
        return messages  # Not an array: the expert shall say so, in its own words.
    rest = array[1:].lstrip()
    return msgspec.Raw(b"[" + first + (b"" if rest == b"]" else b",") + rest)


@lru_cache(maxsize=256)
def _system_message(prompt: str) -> bytes:
    return msgspec.json.encode({"role": "system", "content": prompt})


def _is_open(body: Mapping[str, Any], name: str) -> bool:
    """Tell whether the caller left a field to us: absent or null, as are those that mean it."""
    names = next((group for group in _SAME_MEANING if name in group), {name})
    return all(body.get(one) in (None, msgspec.Raw(b"null")) for one in names)
