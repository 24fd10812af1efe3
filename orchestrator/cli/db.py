"""``coe db``: the schema of the registry."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from orchestrator.kit.database import SchemaStatus

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(no_args_is_help=True, help="The registry's schema.")


@app.command()
def upgrade(as_json: Json = False) -> None:
    """Bring the schema to this version. `coe serve` does so by itself at start."""
    from orchestrator.kit.database import migrate, schema_status

    def work(url: str) -> SchemaStatus:
        migrate(url)
        return schema_status(url)

    _show(_with_database(work), as_json=as_json)


@app.command()
def status(as_json: Json = False) -> None:
    """Show which revision the schema is at, and which this version needs."""
    from orchestrator.kit.database import schema_status

    _show(_with_database(schema_status), as_json=as_json)


def _with_database(work: Callable[[str], T]) -> T:
    from orchestrator.kit.errors import StartError
    from orchestrator.kit.logs import configure_logging
    from orchestrator.kit.settings import load_settings
    from orchestrator.kit.stores.embedded import running_stores

    try:
        settings = load_settings()
        configure_logging(settings)
        with running_stores(settings) as urls:
            return work(urls.postgres)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from error


def _show(schema: SchemaStatus, *, as_json: bool) -> None:
    if as_json:
        fields = {"revision": schema.revision, "needed": schema.needed, "current": schema.current}
        sys.stdout.write(json.dumps(fields) + "\n")
        return
    verdict = "up to date" if schema.current else "run 'coe db upgrade'"
    sys.stdout.write(
        f"Schema at {schema.revision or 'nothing'}, needed {schema.needed}: {verdict}.\n"
    )
