"""Is there anything in it? Tells the first real piece of an answer from what only announces one.

A stream may begin with its role, with signs of life, with empty pieces, and then fail. As long as
nothing but that has come, another expert can still be asked without the client seeing anything.

Nothing is parsed: inside a JSON string every quote is escaped, so ``"content":"`` never occurs in
text that somebody wrote.
"""

from __future__ import annotations

import re

_SAYS = re.compile(
    rb"""
      "(?:content|reasoning_content|reasoning|refusal)"\s*:\s*"[^"]
    | "(?:content|tool_calls|reasoning_details|thinking_blocks|images)"\s*:\s*\[\s*\{
    | "(?:function_call|audio)"\s*:\s*\{\s*"
    """,
    re.VERBOSE,
)
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')
_COUNTED = re.compile(rb'"usage"\s*:\s*\{\s*"')


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
        if _SAYS.search(block):
            return True
        self._finished = self._finished or _FINISHED.search(block) is not None
        self._counted = self._counted or _COUNTED.search(block) is not None
        return self._finished and self._counted


def is_hollow(body: bytes) -> bool:
    """Tell whether a whole answer has choices and none of them holds anything, unaccounted for."""
    return b'"choices"' in body and not Beginning().says(body)
