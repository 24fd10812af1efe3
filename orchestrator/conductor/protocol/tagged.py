r"""The text protocol: ``<call expert="...">``, ``<python>`` and ``<answer>``, each around its content.

For conductors without tool calls. Read leniently, since models write sloppily: a tag inside a code
fence of the content is content, a last tag that is never closed runs to the end of the message, and
what is fenced as a whole is taken out of its fence.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable

from orchestrator.conductor.protocol.move import Call, Move

_OPEN = re.compile(
    r"<(call|python|answer)((?:\s+[\w-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*>", re.IGNORECASE
)
_ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})(?P<info>[^\n]*)$", re.MULTILINE)
_FENCED = re.compile(r"\A\s*(`{3,}|~{3,})[^\n]*\n(.*?)\n?[ \t]*\1\s*\Z", re.DOTALL)
_MAX_NAME = 100
_MAX_CALLS = 32
_MAX_CHARACTERS = 400_000


def read_tagged(text: str) -> Move:
    """Read a message in the text protocol: its first 32 calls, and 400,000 characters."""
    text = text[:_MAX_CHARACTERS]
    calls: list[Call] = []
    faults: list[str] = []
    answer: str | None = None
    place = 0
    while len(calls) + len(faults) < _MAX_CALLS and (found := _OPEN.search(text, place)):
        tag = found[1].lower()
        content, place = _content(text, found.end(), tag)
        if tag == "python":
            content = unfenced(content)  # a fence with nothing in it is empty too
        if tag == "answer":
            answer = content.strip() or answer
        elif not content.strip():
            faults.append(f"a <{tag}> is empty: write the whole instruction inside it")
        elif tag == "python":
            calls.append(Call("Python", content, python=True))
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
    """Return what stands in a tag, and where to go on reading.

    A tag is closed by the first closing one outside code fences or, if all are inside, the first.
    It ends without one where the next of its kind is opened, or with the text.
    """
    rest = text[start:]
    fences = _fenced_spans(rest)
    closes = re.compile(rf"</{tag}\s*>", re.IGNORECASE)
    closing = _outside(closes.finditer(rest), fences) or closes.search(rest)
    openings = (each for each in _OPEN.finditer(rest) if each[1].lower() == tag)
    opening = _outside(openings, fences)
    if closing is None or (opening is not None and opening.start() < closing.start()):
        end = opening.start() if opening else len(rest)
        return rest[:end], start + end
    return rest[: closing.start()], start + closing.end()


def _outside(found: Iterable[re.Match[str]], fences: list[tuple[int, int]]) -> re.Match[str] | None:
    """Return the first that is in no code fence."""
    starts = [low for low, _ in fences]
    for each in found:
        before = bisect_left(starts, each.start()) - 1
        if before < 0 or each.start() >= fences[before][1]:
            return each
    return None


def _fenced_spans(text: str) -> list[tuple[int, int]]:
    """Return where code fences that are opened and closed lie. A longer fence may hold shorter.

    As in CommonMark, nothing but a closing tag may follow the marks that close one.
    """
    spans: list[tuple[int, int]] = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif (
            fence[1][0] == opened[1][0]
            and len(fence[1]) >= len(opened[1])
            and (not fence["info"].strip() or fence["info"].lstrip().startswith("</"))
        ):
            spans.append((opened.start(), fence.end(1)))
            opened = None
    return spans


def unfenced(content: str) -> str:
    """Return code without a fence around all of it."""
    found = _FENCED.match(content)
    return found[2] if found else content.strip("\n")
