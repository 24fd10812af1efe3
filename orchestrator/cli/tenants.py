"""``coe tenants``: whose keys, limits and records are kept apart."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

app = typer.Typer(no_args_is_help=True, help="Tenants: whose keys and records are kept apart.")
Tenant = Annotated[str, typer.Argument(metavar="ID", help="The tenant's id.")]


@app.command("list")
def list_tenants(url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """List tenants."""
    with connected(url, key) as client:
        records = list(client.tenants.list())
    if as_json:
        output.as_json(records)
        return
    rows = (
        [t.id, t.name, _names(t.experts), _names(t.policies), t.created_at, t.suspended_at]
        for t in records
    )
    columns = ["id", "name", "experts", "policies", "created", "suspended"]
    output.table(columns, rows, empty="No tenants.")


@app.command("set")
def set_tenant(
    tenant: Tenant,
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    expert: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="An expert its keys may use, and no other; may be repeated."
        ),
    ] = None,
    any_expert: Annotated[bool, typer.Option("--any-expert", help="All experts.")] = False,
    policy: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A policy its keys may use, and no other; repeatable."),
    ] = None,
    any_policy: Annotated[bool, typer.Option("--any-policy", help="All policies.")] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Make a tenant, or change what is said of it."""
    if (expert and any_expert) or (policy and any_policy):
        output.fail("Give names or all, not both.", code=2)
    changes: dict[str, Any] = {} if name is None else {"name": name}
    if expert or any_expert:
        changes["experts"] = expert or None
    if policy or any_policy:
        changes["policies"] = policy or None
    with connected(url, key) as client:
        record = client.tenants.put(tenant, **changes)
    if as_json:
        output.as_json(record)
    else:
        told = f"experts {_names(record.experts)}; policies {_names(record.policies)}"
        output.text(f"{record.id}: {told}.")


@app.command()
def suspend(tenant: Tenant, url: Url = None, key: Key = None) -> None:
    """Refuse all keys of a tenant, until it is resumed."""
    with connected(url, key) as client:
        client.tenants.put(tenant, suspended=True)
    output.text(f"{tenant}: suspended.")


@app.command()
def resume(tenant: Tenant, url: Url = None, key: Key = None) -> None:
    """Let the keys of a suspended tenant work again."""
    with connected(url, key) as client:
        client.tenants.put(tenant, suspended=False)
    output.text(f"{tenant}: its keys work.")


def _names(names: list[str] | None) -> str:
    return "any" if names is None else ", ".join(names)
