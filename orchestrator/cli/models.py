"""``coe models``: what may be given as ``model``."""

from __future__ import annotations

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

app = typer.Typer(no_args_is_help=True, help="What may be asked: policies and experts.")


@app.command("list")
def list_models(url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """List policies and experts."""
    with connected(url, key) as client:
        records = list(client.models.list())
    if as_json:
        output.as_json(records)
        return
    rows = ([record.id, record.coe.kind, record.coe.description] for record in records)
    output.table(["id", "kind", "description"], rows, empty="No models.")


@app.callback()
def _group() -> None:
    """Keep 'list' a command of its own, beside others to come."""
