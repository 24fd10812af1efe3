"""Diagrams: of the theme's colours, with names for people."""

from __future__ import annotations

from orchestrator.admin.parts.diagrams import themed

_SOURCE = """graph TD;
\t__start__([<p>__start__</p>]):::first
\tcheck_draft(check_draft)
\t__start__ --> check_draft;
\tclassDef default fill:#f2f0ff
\tclassDef failed stroke-dasharray:4
"""


def test_colours_that_no_style_sheet_could_change_are_left_out() -> None:
    drawn = themed(_SOURCE)
    assert "#f2f0ff" not in drawn
    assert "classDef failed" in drawn


def test_labels_are_words_and_edges_stay() -> None:
    drawn = themed(_SOURCE)
    assert "<p>start</p>" in drawn
    assert "check_draft(check draft)" in drawn
    assert "__start__ --> check_draft;" in drawn
