"""Reports of artefacts as pages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.routers.report import report_page, tables_page


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=12,
    )
)
def test_a_report_shows_anything_as_text(value: object) -> None:
    hostile = {"<script>alert(1)</script>": value, "n": 3, "policies": {"<script>": value}}
    hostile |= {"best_single": {"expert": "<script>", "quality": 0.5}, "oracle": value}
    for page in (report_page("<b>", hostile), tables_page("<b>", hostile)):
        assert "<script" not in page
        assert "<b>" not in page
        assert page.startswith("<!doctype html>")
