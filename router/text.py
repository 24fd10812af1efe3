"""From the messages of a chat request to what the router wants to know of it.

Never raises and never trusts: any value JSON can hold is a possible message. What is looked at is
bounded, so ten megabytes of prompt cost no more than ten kilobytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router.decision import RouteRequest
from router.executable import is_executable

MAX_TURN_CHARACTERS = 4000
"""Of the last user turn; a longer one is cut in its middle, as questions stand first or last."""
MIN_CONTEXT_CHARACTERS = 60
MAX_CONTEXT_CHARACTERS = 400

_MIN_PIECE = 10
_MAX_MESSAGES = 64
_MAX_PARTS = 64
_MAX_VALUES = 20_000
_SAMPLE = 500
_MESSAGE_TOKENS = 4
_IMAGE_TOKENS = 800
_FILE_TOKENS = 1000

_NEEDS = {"image_url": "vision", "input_image": "vision", "image": "vision"}
_FEATURES = {"input_audio": "audio", "audio": "audio", "file": "file", "input_file": "file"}
_JSON_FORMATS = {"json_object", "json_schema"}


@dataclass(frozen=True, slots=True)
class RoutingText:
    """What the router sees of a request.

    Args:
        text: Last user turn, then (up to half its length) system prompt and recent turns.
        needs: Capabilities the answer requires: ``tools``, ``vision``, ``json``.
        features: What the request is like: ``executable``, ``audio``, ``file``.
        prompt_tokens: An estimate. A token is taken to be four characters of ASCII or three
            bytes of other UTF-8, plus four a message, 800 an image and 1,000 a file.
    """

    text: str
    needs: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    prompt_tokens: int = 0

    def request(self, policy: str = "balanced") -> RouteRequest:
        """Return the request to be routed under a policy."""
        return RouteRequest(self.text, self.needs, self.features, self.prompt_tokens, policy)


@dataclass(frozen=True, slots=True)
class _Turn:
    role: str
    text: str
    kinds: frozenset[str]


def routing_text(
    messages: object, tools: object = None, response_format: object = None
) -> RoutingText:
    """Read the fields of a chat-completions request that routing depends on.

    Args:
        messages: The conversation, decoded from JSON. A plain string is one user turn.
        tools: The request's ``tools``; asks for the capability ``tools`` unless empty.
        response_format: The request's ``response_format``; the kinds ``json_object`` and
            ``json_schema`` ask for the capability ``json``.

    Returns:
        The routing text and its companions. Any value at all is accepted.
    """
    turns = [_turn(message) for message in _recent(messages)]
    last = next((turn for turn in reversed(turns) if turn.role == "user" and turn.text), None)
    if last is None:
        last = next((turn for turn in reversed(turns) if turn.text), _Turn("user", "", frozenset()))
    kinds = frozenset().union(*(turn.kinds for turn in turns)) if turns else frozenset()
    needs = {_NEEDS[kind] for kind in kinds if kind in _NEEDS}
    if isinstance(tools, Sequence | Mapping) and tools:
        needs.add("tools")
    if isinstance(response_format, Mapping) and _is_json_format(response_format.get("type")):
        needs.add("json")
    features = {_FEATURES[kind] for kind in kinds if kind in _FEATURES}
    if is_executable(last.text):
        features.add("executable")
    return RoutingText(
        text=_compose(last, turns),
        needs=frozenset(needs),
        features=frozenset(features),
        prompt_tokens=_estimate(messages, _MESSAGE_TOKENS) + _estimate(tools),
    )


def _is_json_format(kind: object) -> bool:
    return isinstance(kind, str) and kind in _JSON_FORMATS


def _recent(messages: object) -> Sequence[object]:
    """Return the first message (often the system prompt) and the last ones."""
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    if isinstance(messages, Mapping):
        return [messages]
    if not isinstance(messages, list | tuple):
        return []
    if len(messages) <= _MAX_MESSAGES:
        return messages
    return [messages[0], *messages[-(_MAX_MESSAGES - 1) :]]


def _turn(message: object) -> _Turn:
    if isinstance(message, str):
        return _Turn("user", _cut(message), frozenset())
    if not isinstance(message, Mapping):
        return _Turn("", "", frozenset())
    role = message.get("role")
    content = message.get("content")
    texts: list[str] = []
    kinds: set[str] = set()
    for part in _parts(content):
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Mapping):
            kind = part.get("type")
            if isinstance(kind, str):
                kinds.add(kind)
            text = part.get("text")
            if isinstance(text, str):
                texts.append(text)
    text = texts[0] if len(texts) == 1 else "\n".join(map(_cut, texts))
    return _Turn(role if isinstance(role, str) else "", _cut(text), frozenset(kinds))


def _parts(content: object) -> Sequence[object]:
    if isinstance(content, str | Mapping):
        return [content]
    if not isinstance(content, list | tuple):
        return []
    if len(content) <= _MAX_PARTS:
        return content
    half = _MAX_PARTS // 2
    return [*content[:half], *content[-half:]]


def _cut(text: str, limit: int = MAX_TURN_CHARACTERS) -> str:
    """Keep head and tail, two to one, and drop the middle."""
    if len(text) <= limit:
        return text.strip()
    head = limit * 2 // 3
    return f"{text[:head].strip()}\n{text[-(limit - head - 1) :].strip()}"


def _compose(last: _Turn, turns: Sequence[_Turn]) -> str:
    """Put the last user turn first, and behind it context of at most half its length.

    A telling question outweighs what was said before; a short "and why?" does not.
    """
    room = min(MAX_CONTEXT_CHARACTERS, max(MIN_CONTEXT_CHARACTERS, len(last.text) // 2))
    system = [turn for turn in turns if turn.role in {"system", "developer"} and turn is not last]
    recent = [turn for turn in reversed(turns) if turn is not last and turn.role == "user"]
    pieces = [last.text]
    for group, share in ((system[:1], room // 2), (recent[:2], room)):
        for turn in group:
            piece = _cut_end(turn.text, min(share, room))
            if piece:
                pieces.append(piece)
                room -= len(piece)
    return "\n".join(pieces).strip()


def _cut_end(text: str, limit: int) -> str:
    """Cut at a word's end; nothing where not even ten characters are left."""
    if len(text) <= limit:
        return text
    words = text[: max(limit, 0)].rsplit(None, 1)
    return words[0].strip() if words and limit >= _MIN_PIECE else ""


def _estimate(value: object, overhead: int = 0) -> int:
    """Estimate the tokens of every string under ``value``, however deep, without recursion.

    Of a list with more than 500 items an even sample of 500 stands for all; after 20,000 values
    the rest is not looked at.

    Args:
        value: Anything JSON can hold.
        overhead: Tokens to add for each item of the outermost list.
    """
    tokens = float(overhead * len(value)) if isinstance(value, list | tuple) else 0.0
    stack: list[tuple[Any, float]] = [(value, 1.0)]
    for _ in range(_MAX_VALUES):
        if not stack:
            break
        item, weight = stack.pop()
        if isinstance(item, str):
            tokens += weight * _tokens(item)
        elif isinstance(item, Mapping):
            stack.extend((inner, weight) for inner in item.values())
        elif isinstance(item, list | tuple):
            sample = item[:: math.ceil(len(item) / _SAMPLE) or 1]
            stack.extend((inner, weight * len(item) / len(sample)) for inner in sample)
    return math.ceil(tokens)


def _tokens(text: str) -> int:
    if text.startswith("data:"):  # an image or file sent inline: its bytes are not words
        return _IMAGE_TOKENS if text.startswith("data:image") else _FILE_TOKENS
    if text.isascii():
        return (len(text) + 3) // 4
    return len(text.encode("utf-8", "replace")) // 3 + 1
