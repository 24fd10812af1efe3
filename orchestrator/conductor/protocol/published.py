r"""The form that "Meta-Prompting" (arXiv 2401.12954) was published with, which models know by heart.

::

    Expert Mathematician:
    \"\"\"
    the instruction
    \"\"\"

    >> FINAL ANSWER:
    \"\"\"
    the answer
    \"\"\"

Its own parser took only names of letters, and the first triple quote for the end of the content.
"""

from __future__ import annotations

import re
from itertools import islice

from orchestrator.conductor.protocol.move import Call, Move
from orchestrator.conductor.protocol.tagged import unfenced

_HEAD = re.compile(
    r"^[ \t>*#]*(?:(?P<answer>FINAL ANSWER)|Expert[ \t]+(?P<name>[^\n:\"]{1,100}))[ \t*]*:[ \t*]*"
    r"(?=\n?[ \t]*(?:\"\"\"|```)|\n|[^\n])",
    re.MULTILINE,
)
_QUOTE = '"""'
_MAX_HEADS = 32


def read_published(text: str) -> Move:
    """Read a message in the published form; names only count where quoted content follows them."""
    heads = list(islice(_HEAD.finditer(text), _MAX_HEADS))
    calls: list[Call] = []
    answer: str | None = None
    for index, head in enumerate(heads):
        end = heads[index + 1].start() if index + 1 < len(heads) else len(text)
        content = _quoted(text[head.end() : end], needs_quotes=head["name"] is not None)
        python = head["name"] is not None and head["name"].strip().lower() == "python"
        if python:
            content = unfenced(content)  # a fence with nothing in it is empty too
        if not content.strip():
            continue
        if head["answer"]:
            answer = content
        elif python:
            calls.append(Call("Python", content, python=True))
        else:
            calls.append(Call(f"Expert {head['name'].strip()}", content))
    return Move(tuple(calls), answer)


def _quoted(text: str, *, needs_quotes: bool) -> str:
    """Return what stands between the first and the last triple quote, which may hold others."""
    first = text.find(_QUOTE)
    if first < 0 or text[:first].strip():
        return "" if needs_quotes else text.strip()
    last = text.rfind(_QUOTE)
    inside = text[first + len(_QUOTE) : last if last > first else len(text)]
    return inside.strip()
