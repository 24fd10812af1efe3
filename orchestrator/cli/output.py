"""What commands print: JSON or tables on standard output, remarks and failures on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from coe_client.types import WireModel

WIDTH_OF_A_PIPE = 1000
"""Columns where nobody looks: cells are not cut for a screen that is not there."""
_CONTROLS = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {ord("\n"), ord("\t")})


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Print one red sentence on standard error and end the program.

    Args:
        message: What went wrong and what to do.
        code: 1, or 2 where the command line itself is wrong.
    """
    typer.secho(clean(message), fg=typer.colors.RED, err=True)
    raise typer.Exit(code)


def remark(message: str) -> None:
    """Print a line beside the result, on standard error."""
    typer.secho(clean(message), dim=True, err=True)


def text(content: str, *, end: str = "\n") -> None:
    """Print text at once, as it is but for control characters."""
    sys.stdout.write(clean(content) + end)
    sys.stdout.flush()


def as_json(value: WireModel | Sequence[WireModel] | dict[str, Any]) -> None:
    """Print what the service sent, or a small report of our own, as JSON."""
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def plain(value: Any) -> Any:
    """Turn what the service sent into JSON's own types."""
    from coe_client.types import WireModel

    if isinstance(value, WireModel):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print a table.

    Args:
        columns: Headings.
        rows: Cells; numbers are set to the right.
        empty: The remark in its place where there are no rows.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [list(row) for row in rows]
    if not cells:
        remark(empty)
        return
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        numeric = all(isinstance(row[position], int | float | None) for row in cells)
        grid.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        grid.add_row(*(Text(cell(value)) for value in row))
    Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE).print(grid)


def fields(record: WireModel) -> None:
    """Print a record field by field, those of a newer service included."""
    values = dict(record)
    width = max(map(len, values))
    for name, value in values.items():
        text(f"{name:{width}}  {cell(value)}")


def cell(value: Any) -> str:
    """Write a value the way a table shows it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | dict):
        return clean(json.dumps(plain(value), ensure_ascii=False))
    return clean(str(value))


def clean(content: str) -> str:
    """Remove control characters, which could command the terminal: experts write what they like."""
    return content.translate(_CONTROLS)
