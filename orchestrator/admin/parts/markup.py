"""HTML, built so that nothing in it is taken for markup by mistake."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape
from nicegui import ui

__all__ = ["Content", "Markup", "badge", "draw", "facts", "link", "meter", "table", "tag"]

Content = str | Markup | Iterable["str | Markup"] | None
_NAME = re.compile("[a-z][a-z0-9]*")
_VOID = frozenset({"br", "hr", "img", "input"})


def tag(name: str, *children: Content, **attributes: str | int | bool | None) -> Markup:
    """Return an element; text in it is escaped, markup is not.

    Args:
        name: Such as ``td``.
        children: Text, markup, or several of them.
        attributes: By name; ``_`` stands for ``-``, one at the end is dropped (``class_``). ``None`` and
            ``False`` leave an attribute out, ``True`` gives it no value.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"no element has the name {name!r}")
    parts = [Markup("<{}").format(name)]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        parts.append(
            Markup(" {}").format(label)
            if value is True
            else Markup(' {}="{}"').format(label, value)
        )
    parts.append(Markup(">"))
    if name in _VOID:
        return Markup("").join(parts)
    for child in children:
        if isinstance(child, str):  # Markup is a str
            parts.append(escape(child))
        elif child is not None:
            parts.extend(escape(one) for one in child)
    parts.append(Markup("</{}>").format(name))
    return Markup("").join(parts)


def draw(content: Markup, *, element: str = "div") -> ui.html:
    """Put markup on the page."""
    if not isinstance(content, Markup):
        raise TypeError("only markup is drawn as it is; text belongs into tag()")
    return ui.html(content, sanitize=False, tag=element)


def badge(text: str, tone: str = "", *, dot: bool = False) -> Markup:
    """Return a small label; its tone is ``good``, ``warn``, ``bad``, ``info``, ``accent`` or none."""
    return tag("span", text, class_=" ".join(filter(None, ("badge", tone, "dot" if dot else ""))))


def link(text: str, href: str, class_: str | None = None) -> Markup:
    """Return a link."""
    return tag("a", text, href=href, class_=class_)


def meter(share: float, tone: str = "", *, name: str, limit: float | None = None) -> Markup:
    """Return a bar that is filled to a share.

    Args:
        share: 0 to 1; what is beyond is cut.
        tone: ``good``, ``warn``, ``bad`` or none.
        name: What it shows, for those who do not see it.
        limit: Where a mark stands, 0 to 1; beyond it something else holds.
    """
    width = _per_cent(share)
    fill = tag("i", style=f"width:{width}%")
    told, mark = f"{name}: {width:g} %", None
    if limit is not None:
        told += f", limit {_per_cent(limit):g} %"
        mark = tag("b", class_="limit", style=f"left:{_per_cent(limit)}%")
    return tag("span", fill, mark, class_=f"meter {tone}".strip(), role="img", aria_label=told)


def _per_cent(share: float) -> float:
    return round(100 * min(max(share, 0.0), 1.0), 1)


def facts(pairs: Iterable[tuple[str, Content]]) -> Markup:
    """Return names and values, one pair a line."""
    rows = [
        tag("dt", name) + tag("dd", value if value not in (None, "") else "–")
        for name, value in pairs
    ]
    return tag("dl", rows, class_="facts")


def table(
    name: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[Content]],
    *,
    numeric: Iterable[int] = (),
    matrix: bool = False,
) -> Markup:
    """Return a small table that is all there; for what is searched or paged there is ``Listing``.

    Args:
        name: What it holds, for those who do not see it.
        headings: Of its columns.
        rows: Cells, row by row.
        numeric: Numbers of the columns that are set to the right, from 0.
        matrix: Whether rows and columns belong together: it is moved sideways where it is too wide, and its
            rows do not become cards.
    """
    right = frozenset(numeric)
    heads = [
        tag("th", text, scope="col", class_="num" if at in right else None)
        for at, text in enumerate(headings)
    ]
    body = [
        tag(
            "tr",
            [
                tag(
                    "td",
                    tag("div", cell),
                    class_="num" if at in right else None,
                    data_name=headings[at],
                )
                for at, cell in enumerate(row)
            ],
        )
        for row in rows
    ]
    caption = tag("caption", name, class_="visually-hidden")
    drawn = tag(
        "table",
        caption,
        tag("thead", tag("tr", heads)),
        tag("tbody", body),
        class_="list matrix" if matrix else "list cards",
    )
    return tag("div", drawn, class_="rows", tabindex="0", role="region", aria_label=name)
