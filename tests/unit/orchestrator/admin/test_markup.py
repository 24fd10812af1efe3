"""Text never becomes markup, whatever it says."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from orchestrator.admin.parts.markup import badge, draw, facts, link, meter, tag


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(markup: str) -> _Reader:
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader


# What an HTML parser itself changes is left out: NUL and lone carriage returns.
TEXT = st.text(st.characters(exclude_characters="\x00\r", exclude_categories=("Cs",)))


@given(TEXT, TEXT)
def test_text_and_attributes_are_read_back_as_they_were(text: str, value: str) -> None:
    read = _read(tag("td", text, title=value))
    assert read.seen == [("td", {"title": value})]
    assert read.text == text


def test_markup_is_put_in_as_it_is_and_text_is_not() -> None:
    drawn = tag("p", Markup("<b>x</b>"), "<b>", ["a & b", Markup("<i>y</i>")], None)
    assert drawn == "<p><b>x</b>&lt;b&gt;a &amp; b<i>y</i></p>"


def test_attributes_with_dashes_flags_and_reserved_names() -> None:
    drawn = tag("button", "x", class_="a", data_act="go", disabled=True, hidden=False, title=None)
    assert drawn == '<button class="a" data-act="go" disabled>x</button>'


def test_empty_elements_are_not_closed() -> None:
    assert tag("br") == "<br>"


def test_an_element_by_the_name_of_markup_is_refused() -> None:
    with pytest.raises(ValueError, match="no element"):
        tag("p onclick=x")


def test_text_alone_is_not_drawn_as_markup() -> None:
    with pytest.raises(TypeError, match="only markup"):
        draw("<b>typed by somebody</b>")  # type: ignore[arg-type]


def test_a_meter_stays_in_its_frame_and_says_what_it_shows() -> None:
    read = _read(meter(1.7, "bad", name="Budget"))
    assert read.seen == [
        ("span", {"class": "meter bad", "role": "img", "aria-label": "Budget: 100 %"}),
        ("i", {"style": "width:100.0%"}),
    ]


def test_badges_links_and_facts() -> None:
    assert badge("open", "bad", dot=True) == '<span class="badge bad dot">open</span>'
    assert link("<x>", "/a?b=1&c=2") == '<a href="/a?b=1&amp;c=2">&lt;x&gt;</a>'
    assert facts([("Name", "x"), ("Note", "")]).count("–") == 1
