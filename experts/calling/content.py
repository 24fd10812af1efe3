"""Is there anything in it? Tells the first real piece of an answer from what only announces one.

A stream may begin with its role, with signs of life, with empty pieces, and then fail. As long as
nothing but that has come, another expert can still be asked without the client seeing anything.
"""

from __future__ import annotations

from typing import Any

import msgspec

from experts.providers.sse import data_of, is_done, split_events
from experts.providers.wire import UNREADABLE

_EMPTY = frozenset({b"null", b'""', b"[]", b"{}"})
_TELLING = frozenset(
    {
        "content",
        "tool_calls",
        "function_call",
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "thinking_blocks",
        "refusal",
        "audio",
        "images",
    }
)


class _Choice(msgspec.Struct):
    delta: dict[str, msgspec.Raw] | None = None
    message: dict[str, msgspec.Raw] | None = None
    finish_reason: Any = None


class _Piece(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None


_decode = msgspec.json.Decoder(_Piece).decode


class Beginning:
    """Looks at the first blocks of a stream until one of them says something.

    An end counts as an answer, though an empty one, if the expert says why it ended and what it
    counted: then the silence was meant.
    """

    __slots__ = ("_counted", "_finished")

    def __init__(self) -> None:
        self._finished = False
        self._counted = False

    def says(self, block: bytes) -> bool:
        """Tell whether the answer has begun with this block."""
        return any(self._event_says(event) for event in split_events(block))

    def _event_says(self, event: bytes) -> bool:
        data = data_of(event)
        if not data or is_done(event):
            return False
        try:
            piece = _decode(data)
        except UNREADABLE:
            return False
        for choice in piece.choices or ():
            if _tells(choice.delta):
                return True
            self._finished = self._finished or bool(choice.finish_reason)
        self._counted = self._counted or bool(piece.usage)
        return self._finished and self._counted


def is_hollow(body: bytes) -> bool:
    """Tell whether a whole answer has choices and none of them holds anything, unaccounted for."""
    try:
        answer = _decode(body)
    except UNREADABLE:
        return False  # its provider has judged the form already
    choices = answer.choices or ()
    if not choices or any(_tells(choice.message) for choice in choices):
        return False
    return not (answer.usage and any(choice.finish_reason for choice in choices))


def _tells(fields: dict[str, msgspec.Raw] | None) -> bool:
    return fields is not None and any(
        name in _TELLING and bytes(value) not in _EMPTY for name, value in fields.items()
    )
