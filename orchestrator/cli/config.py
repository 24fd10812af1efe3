"""``coe config``: settings in effect."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Settings.")


@app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every setting, its value here, and where that came from."""
    from orchestrator.kit.errors import StartError
    from orchestrator.kit.settings import describe, load_settings

    try:
        rows = describe(load_settings())
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from error
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("setting", "value", "source", "what it is for")
    for row in rows:
        table.add_row(row["name"], row["value"], row["source"], row["description"])
    Console().print(table)
