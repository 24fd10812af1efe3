"""``coe usage``: what requests used and what became of them."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

app = typer.Typer(no_args_is_help=True, help="What requests used.")
LARGEST_PAGE = 100


@app.command("list")
def list_usage(
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 20,
    expert: Annotated[str | None, typer.Option(help="Only this expert's.")] = None,
    status: Annotated[
        str | None, typer.Option(help="Only ok, failed, cancelled or interrupted.")
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """List the latest requests."""
    with connected(url, key) as client:
        page_size = min(limit, LARGEST_PAGE)
        found = client.usage.list(expert=expert, status=status, page_size=page_size)
        records = list(islice(found, limit))
    if as_json:
        output.as_json(records)
        return
    rows = (
        [
            record.request_id,
            record.started_at,
            record.status,
            record.category,
            record.expert,
            record.prompt_tokens,
            record.completion_tokens,
            record.cost_usd,
            record.duration_ms,
        ]
        for record in records
    )
    columns = ["request", "at", "status", "category", "expert", "in", "out", "$", "ms"]
    output.table(columns, rows, empty="No requests yet.")


@app.command()
def show(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The request's id.")],
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Show one request."""
    with connected(url, key) as client:
        record = client.usage.get(request_id)
    if as_json:
        output.as_json(record)
    else:
        output.fields(record)
