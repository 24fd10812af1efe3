"""``coe keys``: API keys."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client.types import KeyRecord

app = typer.Typer(no_args_is_help=True, help="API keys.")
Experts = Annotated[
    list[str] | None,
    typer.Option(metavar="ID", help="An expert that may answer, and no other; may be repeated."),
]
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Role(StrEnum):
    """What a key may do; each role may do what the ones before it may."""

    user = "user"
    viewer = "viewer"
    editor = "editor"
    admin = "admin"


def parse_duration(text: str) -> timedelta:
    """Read ``90m``, ``12h``, ``30d`` or ``2w``.

    Raises:
        typer.BadParameter: It is none of these, or nothing, or more than a hundred years.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,7})([mhdw])", text.strip())
    duration = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else timedelta()
    if not timedelta() < duration <= timedelta(days=36525):
        raise typer.BadParameter("write it like 90m, 12h, 30d or 2w; a hundred years at most")
    return duration


@app.command("list")
def list_keys(url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """List keys, revoked ones included."""
    with connected(url, key) as client:
        records = list(client.keys.list())
    if as_json:
        output.as_json(records)
        return
    now = datetime.now(UTC)
    rows = (
        [
            k.id,
            k.name,
            k.prefix,
            k.role,
            k.tenant,
            allowed(k),
            k.created_at,
            k.expires_at,
            state(k, now),
        ]
        for k in records
    )
    columns = ["id", "name", "prefix", "role", "tenant", "experts", "created", "expires", "state"]
    output.table(columns, rows, empty="No keys.")


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What the key is for, for people.")],
    role: Annotated[Role, typer.Option(help="What the key may do.")] = Role.user,
    tenant: Annotated[str, typer.Option(help="Whose requests it makes.")] = "default",
    expires_in: Annotated[
        timedelta | None,
        typer.Option(parser=parse_duration, metavar="TIME", help="90m, 12h, 30d, 2w. Else never."),
    ] = None,
    expert: Experts = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it. It is shown this once."""
    expires_at = None if expires_in is None else datetime.now(UTC) + expires_in
    with connected(url, key) as client:
        created = client.keys.create(
            name, role=role, tenant=tenant, expires_at=expires_at, experts=expert or None
        )
    if as_json:
        output.as_json(created)
        return
    output.text(created.key)
    output.remark(f"{created.id}: keep it now, it cannot be shown again.")


@app.command()
def allow(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, not the key.")],
    expert: Experts = None,
    any_expert: Annotated[
        bool, typer.Option("--any", help="All experts, those to come included.")
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Choose the experts that may answer a key."""
    if any_expert == bool(expert):
        output.fail("Give --expert, once or more, or --any.", code=2)
    with connected(url, key) as client:
        record = client.keys.allow(key_id, expert or None)
    if as_json:
        output.as_json(record)
    else:
        output.text(f"{record.id}: {allowed(record)}.")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, not the key.")],
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Make a key useless at once."""
    with connected(url, key) as client:
        client.keys.revoke(key_id)
    if as_json:
        output.as_json({"id": key_id, "action": "revoke"})
    else:
        output.text(f"{key_id}: revoked.")


def allowed(record: KeyRecord) -> str:
    """Say which experts may answer a key."""
    return "any" if record.experts is None else ", ".join(record.experts)


def state(record: KeyRecord, now: datetime) -> str:
    """Say whether a key works: ``active``, ``revoked`` or ``expired``."""
    if record.revoked_at is not None:
        return "revoked"
    return "expired" if record.expires_at is not None and record.expires_at <= now else "active"
