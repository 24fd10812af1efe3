"""An evaluation report as a page of its own: no scripts, nothing loaded from elsewhere.

Reports come with artefacts, and artefacts from anywhere: one that is not what an evaluation writes is
shown as plain tables.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

log = logging.getLogger(__name__)

_OF_AN_EVALUATION = {"n", "policies", "best_single", "oracle"}
_DEEPEST = 6
_MOST_ROWS = 500
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.5rem 0}td,th{border:1px solid #ccc;padding:.2rem .6rem;
text-align:left;vertical-align:top}td.number{text-align:right;font-variant-numeric:tabular-nums}
th{background:#f3f3f3}"""


def report_page(title: str, report: Mapping[str, Any]) -> str:
    """Return a report as HTML. Every text in it is shown as text. Takes its time."""
    from router.evaluation import render

    if not report.keys() >= _OF_AN_EVALUATION:
        return tables_page(title, report)
    try:
        return render(dict(report), title=title)
    except Exception as error:  # noqa: BLE001 (whatever it lacks, it can be shown as it is)
        log.info("report of %s shown as tables: %s: %s", title, type(error).__name__, error)
        return tables_page(title, report)


def tables_page(title: str, report: Mapping[str, Any]) -> str:
    """Return a report of any shape as HTML."""
    heading = escape(title)
    body = "".join(_value(report, 0))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{heading}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{heading}</h1>{body}</body></html>"
    )


def _value(value: Any, depth: int) -> Iterator[str]:
    if depth >= _DEEPEST:
        yield escape(str(value))
    elif isinstance(value, Mapping):
        yield from _mapping(value, depth)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield from _list(value, depth)
    elif isinstance(value, float):
        yield f"{value:.4g}"
    else:
        yield "-" if value is None else escape(str(value))


def _mapping(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    yield "<table>"
    for name, inner in list(value.items())[:_MOST_ROWS]:
        yield f"<tr><th>{escape(str(name))}</th>{_cell(inner, depth)}</tr>"
    yield "</table>"


def _list(value: Sequence[Any], depth: int) -> Iterator[str]:
    rows = value[:_MOST_ROWS]
    if rows and all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        yield "<table><tr>" + "".join(f"<th>{escape(str(n))}</th>" for n in names) + "</tr>"
        for row in rows:
            yield "<tr>" + "".join(_cell(row.get(name), depth) for name in names) + "</tr>"
        yield "</table>"
    else:
        yield ", ".join("".join(_value(row, depth + 1)) for row in rows)


def _cell(value: Any, depth: int) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    kind = ' class="number"' if number else ""
    return f"<td{kind}>{''.join(_value(value, depth + 1))}</td>"
