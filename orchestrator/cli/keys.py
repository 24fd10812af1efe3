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
Policies = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="A policy it may ask for, and no other; may be repeated."),
]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, not the key.")]
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
    policy: Policies = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it. It is shown this once."""
    expires_at = None if expires_in is None else datetime.now(UTC) + expires_in
    with connected(url, key) as client:
        created = client.keys.create(
            name,
            role=role,
            tenant=tenant,
            expires_at=expires_at,
            experts=expert or None,
            policies=policy or None,
        )
    if as_json:
        output.as_json(created)
        return
    output.text(created.key)
    output.remark(f"{created.id}: keep it now, it cannot be shown again.")


@app.command()
def allow(
    key_id: KeyId,
    expert: Experts = None,
    any_expert: Annotated[
        bool, typer.Option("--any", help="All experts, those to come included.")
    ] = False,
    policy: Policies = None,
    any_policy: Annotated[
        bool, typer.Option("--any-policy", help="All policies, those to come included.")
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Choose the experts that may answer a key, or the policies it may ask for."""
    said = [bool(expert), any_expert, bool(policy), any_policy]
    if sum(said) != 1:
        output.fail("Give --expert or --policy, once or more, or --any or --any-policy.", code=2)
    with connected(url, key) as client:
        if expert or any_expert:
            record = client.keys.allow(key_id, expert or None)
        else:
            record = client.keys.allow_policies(key_id, policy or None)
    if as_json:
        output.as_json(record)
    else:
        policies = "any" if record.policies is None else ", ".join(record.policies)
        output.text(f"{record.id}: experts {allowed(record)}; policies {policies}.")


@app.command()
def rotate(
    key_id: KeyId,
    overlap: Annotated[
        timedelta | None,
        typer.Option(
            parser=parse_duration,
            metavar="TIME",
            help="How long the secret before still works: 90m, 12h, 7d. Else a day.",
        ),
    ] = None,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="The secret before stops to work now.")
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Give a key a new secret and print it. It stays the same key, with its limits and history."""
    if at_once and overlap is not None:
        output.fail("Give --overlap or --at-once, not both.", code=2)
    kept = timedelta() if at_once else overlap or timedelta(days=1)
    with connected(url, key) as client:
        created = client.keys.rotate(key_id, overlap_seconds=kept.total_seconds())
    if as_json:
        output.as_json(created)
        return
    output.text(created.key)
    until = created.previous_until
    ends = "has stopped to work" if until is None else f"works until {until:%Y-%m-%d %H:%M} UTC"
    output.remark(f"{created.id}: keep it now, it cannot be shown again. The one before {ends}.")


@app.command()
def revoke(
    key_id: KeyId,
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
