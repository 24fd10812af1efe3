"""Fenced blocks of the documentation, and what is to be done with each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXECUTED = frozenset({"bash", "python"})
_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_ANY_FENCE = re.compile(r"^[ \t>]*```", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Args:
        document: The file it stands in, relative to the repository.
        line: Line of its opening fence.
        language: First word of the info string.
        flags: The other words: ``output`` (of the block before it), ``no-run``.
        body: What stands between the fences.
    """

    document: str
    line: int
    language: str
    flags: frozenset[str]
    body: str

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self.document}:{self.line}"

    @property
    def executed(self) -> bool:
        """Whether a test runs it."""
        return self.language in EXECUTED and "no-run" not in self.flags

    @property
    def is_output(self) -> bool:
        """Whether it is what the block before it prints."""
        return "output" in self.flags


def documents() -> list[str]:
    """Return every page, relative to the repository."""
    pages = [ROOT / name for name in ("README.md", "client/README.md")]
    pages += sorted((ROOT / "docs").rglob("*.md"))
    return [str(page.relative_to(ROOT)) for page in pages]


def blocks_of(document: str) -> list[Block]:
    """Return the blocks of a page in order.

    Raises:
        ValueError: If there is a fence that would not be seen, such as an indented one.
    """
    text = (ROOT / document).read_text(encoding="utf-8")
    found = list(_FENCE.finditer(text))
    if len(_ANY_FENCE.findall(text)) != 2 * len(found):
        raise ValueError(f"{document}: a fence is indented, quoted or not closed")
    blocks = []
    for match in found:
        language, *flags = match[1].split() or [""]
        line = text.count("\n", 0, match.start()) + 1
        blocks.append(Block(document, line, language, frozenset(flags), match[2]))
    return blocks
