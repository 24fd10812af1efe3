r"""What an expert has written in a stream so far, taken out of the bytes as they pass.

Parsing every event would cost more than all else that is done with it, so the texts are found by
one expression: inside a JSON string every quote is escaped, so ``"content":"`` never occurs in text
an expert wrote, and what follows up to the next quote that is not escaped is the text. Nothing is
tried twice (possessive quantifiers), so a piece of megabytes takes no longer than its bytes do.
"""

from __future__ import annotations

import re

import msgspec

from experts.providers.wire import UNREADABLE

_TEXT = re.compile(
    rb'"(?:content|reasoning_content|reasoning|refusal|arguments|name)"\s*:\s*"'
    rb'((?:[^"\\]++|\\.)++)"'
)
_ESCAPED_BYTE = b"\\"


class Produced:
    """The text of one stream, its choices and kinds of text one after another.

    ``add`` is cheap and keeps only the text. A block has to hold whole events.
    """

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def add(self, block: bytes) -> None:
        """Take the texts out of a block."""
        delta = block.find(b'"delta"')
        if delta >= 0:
            self._pieces += _TEXT.findall(block, delta)

    def __bool__(self) -> bool:
        """Tell whether anything was written."""
        return bool(self._pieces)

    @property
    def text(self) -> str:
        """What was written; what is not UTF-8 or wrongly escaped is kept as it came."""
        joined = b"".join(self._pieces)
        if _ESCAPED_BYTE not in joined:
            return joined.decode(errors="replace")
        try:
            return msgspec.json.decode(b'"' + joined + b'"', type=str)
        except UNREADABLE:
            return joined.decode(errors="replace")
