"""The audit log as a file. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Literal

from orchestrator.audit.schemas import EntryView

Format = Literal["csv", "jsonl"]
MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
_COLUMNS = tuple(EntryView.model_fields)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def beginning(form: Format) -> str:
    """Return what stands before the first entry."""
    return _row(_COLUMNS) if form == "csv" else ""


def written(form: Format, entries: Iterable[EntryView]) -> str:
    """Return entries as lines of a file."""
    if form == "jsonl":
        return "".join(f"{entry.model_dump_json()}\n" for entry in entries)
    return "".join(
        _row([_cell(value) for value in entry.model_dump(mode="json").values()])
        for entry in entries
    )


def _row(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    # Callers choose names: one that a spreadsheet took for a formula would be run there.
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
