"""``coe usage``: what requests used and what became of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import output, usage_reconcile
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client.types import UsageSums

app = typer.Typer(no_args_is_help=True, help="What requests used.")
app.command("reconcile")(usage_reconcile.reconcile)
LARGEST_PAGE = 100
MOST_GROUPS = 1_000
SUMS = ("requests", "failed", "blocked", "estimated", "in", "cached", "out", "reasoning", "$")

Start = Annotated[
    str | None,
    typer.Option(metavar="DAY", help="From when: 2026-03-01, or a moment with its time zone."),
]
End = Annotated[
    str | None, typer.Option(metavar="DAY", help="The first day or moment that is not part of it.")
]
Tenant = Annotated[
    str | None, typer.Option(help="Another tenant, or * for all; needs the role viewer.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where to write; unset: to the screen.")
]


@app.command("list")
def list_usage(
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 20,
    expert: Annotated[str | None, typer.Option(help="Only this expert's.")] = None,
    status: Annotated[
        str | None, typer.Option(help="Only ok, failed, blocked, cancelled or interrupted.")
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
            record.cached_tokens,
            record.completion_tokens,
            record.cost_usd,
            record.duration_ms,
        ]
        for record in records
    )
    columns = ["request", "at", "status", "category", "expert", "in", "cached", "out", "$", "ms"]
    output.table(columns, rows, empty="No requests yet.")


@app.command()
def report(
    by: Annotated[
        str, typer.Option(help="What to group by, by comma: day, expert, key, model, ...")
    ] = "day",
    start: Start = None,
    end: End = None,
    tenant: Tenant = None,
    expert: Annotated[str | None, typer.Option(help="Only this expert's.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="csv or parquet, in place of a table.")
    ] = None,
    out: Out = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Sum up what was used and what it cost; of the key's tenant unless --tenant says otherwise."""
    groups = [name for name in by.split(",") if name]
    only = {"tenant": tenant, "expert": expert}
    _check_format(form, ("csv", "parquet"), out)
    with connected(url, key) as client:
        if form is not None:
            _save([client.usage.report_file(form, groups, start=start, end=end, **only)], out)
            return
        found = client.usage.report(groups, start=start, end=end, limit=MOST_GROUPS, **only)
    if as_json:
        output.as_json(found)
        return
    rows = [[*(each.group.get(name) for name in groups), *_sums(each)] for each in found.data]
    rows += [["total"] * min(1, len(groups)) + [None] * (len(groups) - 1) + _sums(found.totals)]
    output.table([*groups, *SUMS], rows if found.data else [], empty="Nothing was used.")
    if found.has_more:
        output.remark(f"Only the first {len(found.data)} groups; the total is that of all.")


@app.command()
def export(
    form: Annotated[str, typer.Option("--format", help="csv, jsonl or parquet.")] = "csv",
    start: Start = None,
    end: End = None,
    tenant: Tenant = None,
    out: Out = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Write the records of a period, oldest first."""
    _check_format(form, ("csv", "jsonl", "parquet"), out)
    with connected(url, key) as client:
        _save(client.usage.export(form, start=start, end=end, tenant=tenant), out)


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


def _check_format(form: str | None, known: Sequence[str], out: Path | None) -> None:
    if form is not None and form not in known:
        output.fail(f"--format: one of {', '.join(known)}.", code=2)
    if form == "parquet" and out is None and sys.stdout.isatty():
        output.fail("Parquet is not for a screen: say where with --out FILE.", code=2)


def _save(pieces: Iterable[bytes], out: Path | None) -> None:
    """Write a file, whole or not at all, or to standard output."""
    if out is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    partial = out.with_name(f".{out.name}.partial")
    try:
        with partial.open("wb") as file:
            for piece in pieces:
                file.write(piece)
        partial.replace(out)
    except OSError as error:
        output.fail(f"{out}: {error.strerror}.")
    finally:
        partial.unlink(missing_ok=True)


def _sums(sums: UsageSums) -> list[Any]:
    return [
        sums.requests,
        sums.failed,
        sums.blocked,
        sums.estimated,
        sums.prompt_tokens,
        sums.cached_tokens,
        sums.completion_tokens,
        sums.reasoning_tokens,
        sums.cost_usd,
    ]
