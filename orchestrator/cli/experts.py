"""``coe experts``: the catalogue."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import catalogue_file, output
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client.types import ApplyResult, ExpertRecord

app = typer.Typer(no_args_is_help=True, help="The catalogue of experts.")
ExpertId = Annotated[str, typer.Argument(metavar="ID", help="The expert's id.")]


@app.command("list")
def list_experts(url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """List the experts in force."""
    with connected(url, key) as client:
        records = list(client.experts.list())
    if as_json:
        output.as_json(records)
        return
    columns = ["id", "version", "provider", "model", "$/M in", "$/M out", "context", "tags", "on"]
    output.table(columns, map(_row, records), empty="The catalogue is empty.")


@app.command()
def show(expert_id: ExpertId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Show one expert, as an entry of a catalogue file."""
    with connected(url, key) as client:
        record = client.experts.get(expert_id)
    if as_json:
        output.as_json(record)
        return
    output.text(catalogue_file.write([_entry(record)]), end="")
    output.remark(f"version {record.version}, {output.cell(record.updated_at)}")


@app.command()
def apply(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="YAML or JSON; '-' is standard input.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would change.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Retire experts that the file does not hold.")
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Make the catalogue what a file says: all of it or, after an error, nothing."""
    try:
        experts = catalogue_file.read(_bytes(file))
    except catalogue_file.FileInvalid as error:
        output.fail(f"{file}: {error}.")
    except OSError as error:
        output.fail(f"{file}: {error.strerror}.")
    with connected(url, key) as client:
        result = client.experts.apply(experts, prune=prune, dry_run=dry_run)
    if as_json:
        output.as_json(result)
    else:
        _show_changes(result)


@app.command()
def export(url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Print the catalogue as a file that 'apply' takes."""
    with connected(url, key) as client:
        entries = [_entry(record) for record in client.experts.list()]
    if as_json:
        output.as_json({"experts": entries})
    else:
        output.text(catalogue_file.write(entries), end="")


@app.command()
def versions(expert_id: ExpertId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """List what an expert has been."""
    with connected(url, key) as client:
        records = list(client.experts.versions(expert_id))
    if as_json:
        output.as_json(records)
        return
    rows = (
        [
            record.version,
            record.version == record.head,
            record.updated_at,
            record.updated_by,
            record.expert.provider,
            record.expert.model,
        ]
        for record in records
    )
    columns = ["version", "in force", "at", "by", "provider", "model"]
    output.table(columns, rows, empty="No versions.")


@app.command()
def rollback(
    expert_id: ExpertId,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="Whose content comes back.")],
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Put an old version in force again, as a new one."""
    with connected(url, key) as client:
        record = client.experts.rollback(expert_id, version)
    if as_json:
        output.as_json(record)
    else:
        output.text(f"{expert_id}: version {version} is in force again, as {record.version}.")


@app.command()
def retire(expert_id: ExpertId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Take an expert out of the catalogue; its history is kept."""
    with connected(url, key) as client:
        client.experts.retire(expert_id)
    if as_json:
        output.as_json({"id": expert_id, "action": "retire"})
    else:
        output.text(f"{expert_id}: retired.")


def _bytes(file: str) -> bytes:
    """Read a file, one byte more than is allowed at most."""
    most = catalogue_file.LARGEST_FILE + 1
    if file == "-":
        return sys.stdin.buffer.read(most)
    with Path(file).open("rb") as opened:
        return opened.read(most)


def _entry(record: ExpertRecord) -> dict[str, Any]:
    entry: dict[str, Any] = record.expert.model_dump(mode="json", exclude_unset=True)
    return entry


def _row(record: ExpertRecord) -> list[Any]:
    expert = record.expert
    return [
        expert.id,
        record.version,
        expert.provider,
        expert.model,
        expert.price.input,
        expert.price.output,
        expert.context_window,
        " ".join(sorted(expert.tags)),
        expert.enabled,
    ]


def _show_changes(result: ApplyResult) -> None:
    signs = {"create": "+", "update": "~", "retire": "-"}
    changed = [change for change in result.changes if change.action != "unchanged"]
    for change in changed:
        output.text(f"{signs.get(change.action, '?')} {change.id}")
        if change.action == "update":
            for name, (old, new) in change.fields.items():
                before, after = (json.dumps(value, ensure_ascii=False) for value in (old, new))
                output.text(f"    {name}: {before} -> {after}")
    what = "would change" if result.dry_run else "changed"
    unchanged = len(result.changes) - len(changed)
    output.remark(f"{len(changed)} {what}, {unchanged} unchanged")
