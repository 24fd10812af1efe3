r"""The text protocol: ``<call expert="...">``, ``<python>`` and ``<answer>``, each around its content.

For conductors without tool calls. Read leniently, since models write sloppily: a tag inside a code
fence of the content is content, a last tag that is never closed runs to the end of the message, and
what is fenced as a whole is taken out of its fence.
"""

from __future__ import annotations

import re

from orchestrator.conductor.protocol.move import Call, Move

_OPEN = re.compile(
    r"<(call|python|answer)((?:\s+[\w-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*>", re.IGNORECASE
)
_ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*$", re.MULTILINE)
_FENCED = re.compile(r"\A\s*(`{3,}|~{3,})[^\n]*\n(.*?)\n[ \t]*\1[ \t]*\Z", re.DOTALL)
_MAX_NAME = 100


def read_tagged(text: str) -> Move:
    """Read a message in the text protocol."""
    calls: list[Call] = []
    faults: list[str] = []
    answer: str | None = None
    place = 0
    while found := _OPEN.search(text, place):
        tag = found[1].lower()
        content, place = _content(text, found.end(), tag)
        if tag == "answer":
            answer = content.strip() or answer
        elif not content.strip():
            faults.append(f"a <{tag}> is empty: write the whole instruction inside it")
        elif tag == "python":
            calls.append(Call("Python", unfenced(content), python=True))
        else:
            calls.append(_call(found[2], content))
    return Move(tuple(calls), answer, tuple(faults))


def _call(attributes: str, content: str) -> Call:
    named = {
        name.lower(): first or second for name, first, second in _ATTRIBUTE.findall(attributes)
    }
    name = " ".join((named.get("expert") or named.get("name") or "").split())[:_MAX_NAME]
    return Call(name or "Expert", content.strip())


def _content(text: str, start: int, tag: str) -> tuple[str, int]:
    """Return what stands in a tag, and where to go on reading."""
    closings = list(re.compile(rf"</{tag}\s*>", re.IGNORECASE).finditer(text, start))
    if not closings:
        following = _OPEN.search(text, start)
        end = following.start() if following else len(text)
        return text[start:end], end
    fences = _fenced_spans(text, start)
    outside = [c for c in closings if not any(low < c.start() < high for low, high in fences)]
    closing = (outside or closings)[0]
    return text[start : closing.start()], closing.end()


def _fenced_spans(text: str, start: int) -> list[tuple[int, int]]:
    """Return where code fences that are opened and closed lie. A longer fence may hold shorter."""
    spans: list[tuple[int, int]] = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text, start):
        if opened is None:
            opened = fence
        elif fence[1][0] == opened[1][0] and len(fence[1]) >= len(opened[1]):
            spans.append((opened.start(), fence.end()))
            opened = None
    return spans


def unfenced(content: str) -> str:
    """Return code without a fence around all of it."""
    found = _FENCED.match(content)
    return found[2] if found else content.strip("\n")
