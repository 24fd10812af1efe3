"""Diagrams by Mermaid, drawn in the theme's colours."""

from __future__ import annotations

import re

from nicegui import ui

_STYLED = re.compile(r"^\s*classDef (?:default|first|last) .*\n?", re.MULTILINE)
_ENDS = (("__start__", "start"), ("__end__", "end"))
_LABEL = re.compile(r"(?<=[(\[>])[a-z]+(?:_[a-z]+)+(?=[)\]<])")


def diagram(source: str, name: str) -> ui.mermaid:
    """Draw a diagram.

    Args:
        source: As Mermaid reads it.
        name: What it shows, for those who do not see it.
    """
    drawn = ui.mermaid(themed(source), {"theme": "neutral", "securityLevel": "strict"})
    drawn.props(f'role="img" aria-label="{name}"')
    return drawn


def themed(source: str) -> str:
    """Return a diagram without colours of its own, which no style sheet could change, and with names for people."""
    source = _STYLED.sub("", source).replace("curve: linear", "curve: basis")
    for name, shown in _ENDS:
        source = re.sub(rf"(?<=[(\[>]){name}(?=[)\]<])", shown, source)
    return _LABEL.sub(lambda found: found[0].replace("_", " "), source)
