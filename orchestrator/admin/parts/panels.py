"""Boxes that pages are laid out in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui

from orchestrator.admin.parts.markup import Content, Markup, draw, tag


@contextmanager
def panel(
    title: str = "", note: Content = None, *, span: int | None = None, flush: bool = False
) -> Iterator[ui.element]:
    """Open a box with a heading; what is drawn inside goes into its body, which is yielded.

    Args:
        title: Its heading; empty: none.
        note: A line below the heading.
        span: Columns of twelve, inside a :func:`grid`.
        flush: Whether the body has no margin, as for tables.
    """
    box = ui.element("section").classes("panel")
    if span is not None:
        box.classes(f"span-{span}")
    with box:
        if title:
            below = tag("p", note, class_="small soft") if note else Markup("")
            with ui.element("header"):
                draw(tag("h2", title) + below)
        body = ui.element("div").classes("body flush" if flush else "body")
    with body:
        yield body


@contextmanager
def grid() -> Iterator[ui.element]:
    """Open a grid of twelve columns; one column on a narrow screen."""
    with ui.element("div").classes("grid") as box:
        yield box


@contextmanager
def stack(span: int | None = None) -> Iterator[ui.element]:
    """Open a column of boxes."""
    with ui.element("div").classes("stack" if span is None else f"stack span-{span}") as box:
        yield box


@contextmanager
def actions(lead: Content = None) -> Iterator[ui.element]:
    """Open the line above a page's content: what the page is about at the left, its buttons at the right.

    Args:
        lead: A sentence or two that say what one sees; ``None``: there are only buttons.
    """
    with ui.element("div").classes("actions") as box:
        if lead is not None:
            draw(tag("p", lead), element="div").classes("lead")
        yield box


def lead(text: Content) -> None:
    """Draw the sentence or two above a page's content that say what one sees."""
    with actions(text):
        pass


def tile(name: str, value: str, note: Content = None) -> Markup:
    """Return a figure with its name, and something that puts it into proportion."""
    return tag(
        "div",
        tag("div", name, class_="name"),
        tag("div", value, class_="value"),
        tag("div", note or Markup("&nbsp;"), class_="note"),
        class_="tile",
    )


def tiles(*members: Markup) -> ui.html:
    """Draw figures in a row that wraps."""
    return draw(tag("div", members, class_="tiles"))


def note_box(text: Content, tone: str = "") -> Markup:
    """Return a remark that stands out; its tone is ``good``, ``warn``, ``bad`` or none."""
    return tag("div", tag("div", text), class_=f"note-box {tone}".strip())
