"""``coe audit``: who changed what, and whether the record of it was tampered with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client.types import AuditEntry
    from orchestrator.audit.chain import Linked

app = typer.Typer(no_args_is_help=True, help="The audit log: who changed what.")
_PAGE = 500


@app.command("list")
def list_entries(
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 50,
    actor: Annotated[str | None, typer.Option(help="Only of this key or person, by id.")] = None,
    action: Annotated[
        str | None, typer.Option(help="Only those whose action holds this text.")
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """List what was asked for, and what came of it."""
    from itertools import islice

    with connected(url, key) as client:
        pages = client.audit.list(actor=actor, action=action, page_size=min(limit, _PAGE))
        entries = list(islice(pages, limit))
    if as_json:
        output.as_json(entries)
        return
    rows = (
        [e.number, e.at, e.event, e.status, e.actor_name or e.actor, e.address, e.action]
        for e in entries
    )
    columns = ["number", "at", "event", "status", "who", "from", "action"]
    output.table(columns, rows, empty="No entries.")


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="File of JSON lines, written anew.")],
    url: Url = None,
    key: Key = None,
) -> None:
    """Write the whole log to a file, the oldest entry first."""
    count = 0
    with connected(url, key) as client, out.open("w", encoding="utf-8") as file:
        for entry in client.audit.list(order="oldest", page_size=_PAGE):
            file.write(entry.model_dump_json() + "\n")
            count += 1
    output.text(f"{out}: {count} entries.")


@app.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="An exported log. Else the service's own is read.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(help="A hash that was written down before: it has to be in the log."),
    ] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Check that no entry was changed, removed or put in. Exits with 1 if one was.

    The hashes are computed here, not by the service.
    """
    if file is not None:
        _judge(_from_file(file), head)
        return
    with connected(url, key) as client:
        _judge(client.audit.list(order="oldest", page_size=_PAGE), head)


def _judge(entries: Iterable[AuditEntry], head: str | None) -> None:
    from orchestrator.audit.chain import GENESIS, first_break

    count, last, seen = 0, GENESIS, head is None

    def counted() -> Iterator[Linked]:
        nonlocal count, last, seen
        for entry in entries:
            yield _link(entry)
            count, last = count + 1, entry.hash
            seen = seen or entry.hash == head

    broken = first_break(counted())
    if broken is not None:
        output.fail(f"Entry {broken.number}: {broken.reason}. The {count} before it hold.")
    if not seen:
        output.fail("The log holds in itself, but the given head is not in it: it was made anew.")
    output.text(f"{count} entries hold. Head: {last}")


def _link(entry: AuditEntry) -> Linked:
    from typing import cast

    from orchestrator.audit.chain import Entry, Event, Linked

    return Linked(
        Entry(
            number=entry.number,
            at=entry.at,
            event=cast("Event", entry.event),
            actor=entry.actor,
            actor_name=entry.actor_name,
            address=entry.address,
            request_id=entry.request_id,
            action=entry.action,
            status=entry.status,
            detail=entry.detail,
        ),
        entry.previous,
        entry.hash,
    )


def _from_file(path: Path) -> Iterator[AuditEntry]:
    from pydantic import ValidationError

    from coe_client.types import AuditEntry

    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield AuditEntry.model_validate(json.loads(line))
                except (ValueError, ValidationError):
                    output.fail(f"{path}, line {number}: this is not an entry of an audit log.")
    except OSError as error:
        output.fail(f"{path}: {error.strerror}.")
