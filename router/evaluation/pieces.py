"""Pieces of HTML and how figures are written in the report. Whatever is text is escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

VERDICTS = {"win": "better", "tie": "no difference shown", "lose": "worse"}


def section(title: str, body: str) -> str:
    """Return a section; the body is HTML."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def para(text: str) -> str:
    """Return a small note."""
    return f"<p class='sub'>{escape(text)}</p>"


def legend(key: Mapping[str, str]) -> str:
    """Return what each kind of mark means."""
    marks = "".join(
        f"<span><i class='{style}'></i>{escape(what)}</span>" for style, what in key.items()
    )
    return f"<div class='legend'>{marks}</div>"


def figure_of(svg: str) -> str:
    """Return a figure around an SVG element."""
    return f"<figure>{svg}</figure>" if svg else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table that scrolls sideways by itself on a narrow screen."""
    top = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in head)
    lines = "".join(
        "<tr>"
        + f"<th scope='row'>{escape(row[0])}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    style = "scroll" if any(head) else "scroll facts"
    header = f"<thead><tr>{top}</tr></thead>" if any(head) else ""
    return f"<div class='{style}'><table>{header}<tbody>{lines}</tbody></table></div>"


def figure(value: float | None) -> str:
    """Write a value of 0 to 1 with three decimals."""
    return "–" if value is None else f"{value:.3f}"


def signed(value: float | None) -> str:
    """Write a difference with its sign."""
    return "–" if value is None else f"{value:+.3f}"


def share(value: float | None, *, plus: bool = False) -> str:
    """Write a share in per cent."""
    if value is None:
        return "–"
    return f"{value:+.1%}" if plus else f"{value:.1%}"


def interval(found: Sequence[float | None] | None, *, plus: bool = False) -> str:
    """Write the ends of an interval."""
    if not found or found[0] is None or found[1] is None:
        return "–"
    low, high = found
    return f"{low:+.3f} to {high:+.3f}" if plus else f"{low:.3f} to {high:.3f}"


def billions(value: float | None) -> str:
    """Write active parameters."""
    return "–" if value is None else f"{value:.1f} B"


def dollars(value: float | None) -> str:
    """Write dollars a request as dollars per 1,000."""
    return "–" if value is None else f"${value * 1000:.3g}"
