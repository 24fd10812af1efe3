r"""Finds the final answer in what was said.

In this order: what follows the last ``FINAL ANSWER``, the last ``<answer>``, the last ``\boxed{}``,
the last "the answer is", the last code fence, or all of it. Nothing else is taken away but quotes
and emphasis around it: a grader sees whatever else was said there, and refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_LONGEST = 2_000_000
_MARKED = re.compile(
    r"(\*\*|__)?FINAL[ \t]+ANSWER\b(?(1)(?:\1)?)[ \t]*[:=]?(?(1)(?:\1)?)[ \t]*", re.IGNORECASE
)
_TAGGED = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.IGNORECASE | re.DOTALL)
_BOXED = re.compile(r"\\boxed\s*\{")
_SENTENCE = re.compile(r"\banswer[ \t]+is\b[ \t]*:?[ \t]*([^\n]+|\n+[ \t]*[^\n]+)", re.IGNORECASE)
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[^`\n]*")
_AROUND = (
    *(("**", "**"), ("__", "__"), ('"""', '"""'), ("`", "`")),
    *(("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")),
    *(("\\text{", "}"), ("\\textbf{", "}"), ("\\mathrm{", "}")),
)


def final_answer(text: str) -> str:
    """Return the final answer in a text; all of the text where none is marked."""
    text = text[-_LONGEST:]
    for find in _FINDERS:
        found = find(text)
        if found:
            return bare(found)
    return bare(text)


def written_code(text: str) -> str:
    """Return the code in a text: the last code fence, or all of it where there is none."""
    text = text[-_LONGEST:]
    return _in_fence(text) or text.strip()


def bare(text: str) -> str:
    """Return a text without fence, quotes, dollar signs or emphasis around the whole of it."""
    text = text.strip()
    changed = True
    while changed:
        before = text
        if text.startswith(("```", "~~~")):
            blocks, outside = _fenced(text)
            text = blocks[0].strip() if len(blocks) == 1 and not outside else text
        for opening, closing in _AROUND:
            text = _without(text, opening, closing)
        changed = text != before
    return text


def _without(text: str, opening: str, closing: str) -> str:
    around = len(opening) + len(closing)
    if len(text) <= around or not (text.startswith(opening) and text.endswith(closing)):
        return text
    inside = text[len(opening) : -len(closing)]
    return text if opening in inside or closing in inside else inside.strip()


def _after_mark(text: str) -> str | None:
    marks = list(_MARKED.finditer(text))
    if not marks:
        return None
    found, emphasis = text[marks[-1].end() :].strip(), marks[-1][1]
    if emphasis and found.endswith(emphasis) and found.count(emphasis) % 2:
        return found.removesuffix(emphasis)  # mark and answer were emphasised together
    return found


def _in_tag(text: str) -> str | None:
    found = _TAGGED.findall(text)
    return found[-1] if found else None


def _in_box(text: str) -> str | None:
    opened = list(_BOXED.finditer(text))
    if not opened:
        return None
    start = opened[-1].end()
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return text[start:place]
    return None


def _in_sentence(text: str) -> str | None:
    found = _SENTENCE.findall(text)
    return _without_stop(found[-1].strip()) if found else None


def _without_stop(text: str) -> str:
    """Take away the full stop that ends the sentence, not the one of a number such as "3."."""
    return text[:-1].rstrip() if text.endswith(".") and not text.endswith("..") else text


def _in_fence(text: str) -> str | None:
    blocks, _ = _fenced(text)
    return blocks[-1] if blocks else None


def _fenced(text: str) -> tuple[list[str], str]:
    """Return the contents of the closed code fences of a text, and what stands outside of them."""
    blocks: list[str] = []
    outside: list[str] = []
    inside: list[str] = []
    fence = ""
    for line in text.splitlines():
        if fence and line.strip() == fence:
            blocks.append("\n".join(inside))
            fence, inside = "", []
        elif fence:
            inside.append(line)
        elif opening := _FENCE.fullmatch(line):
            fence = opening[1]
        else:
            outside.append(line)
    return blocks, "\n".join((*outside, fence, *inside)).strip()


_FINDERS: tuple[Callable[[str], str | None], ...] = (
    _after_mark,
    _in_tag,
    _in_box,
    _in_sentence,
    _in_fence,
)
