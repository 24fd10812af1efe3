"""``coe cache``: answers that are kept."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client.types import CacheChoice

app = typer.Typer(no_args_is_help=True, help="Answers that are kept: who has that, what is there.")
Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="A tenant's id.")]
EntryKey = Annotated[str, typer.Argument(help="As the header x-coe-cache-key says it.")]
_COLUMNS = ["tenant", "mode", "seconds", "sampled", "similar", "wrong", "entries", "bytes"]


class Mode(StrEnum):
    """Which requests have a part in it."""

    off = "off"
    asked = "asked"
    on = "on"


@app.command("list")
def list_choices(url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """List tenants that have something else than usual."""
    with connected(url, key) as client:
        found = list(client.cache.list())
    if as_json:
        output.as_json(found)
    else:
        output.table(_COLUMNS, map(_row, found), empty="All tenants have what is usual.")


@app.command()
def show(tenant: Tenant, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Show what a tenant has, and how much is kept for it."""
    with connected(url, key) as client:
        found = client.cache.get(tenant)
    _show(found, as_json=as_json)


@app.command("set")
def set_choice(
    tenant: Tenant,
    mode: Annotated[
        Mode | None, typer.Option(help="No request, those that ask for it, or all.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.001, help="For which an answer is kept.")
    ] = None,
    sampled: Annotated[
        bool, typer.Option("--sampled", help="Keep sampled answers unasked, too.")
    ] = False,
    similar: Annotated[
        bool, typer.Option("--similar", help="Answer requests that are only alike, too.")
    ] = False,
    wrong: Annotated[
        float,
        typer.Option(min=0.001, max=0.2, help="Share of wrong ones among those that will do."),
    ] = 0.01,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Set what a tenant has in place of what it had; what is left out is as usual."""
    with connected(url, key) as client:
        found = client.cache.set(
            tenant,
            mode=None if mode is None else mode.value,
            seconds=seconds,
            sampled=sampled,
            similar=similar,
            wrong=wrong,
        )
    _show(found, as_json=as_json)


@app.command()
def reset(tenant: Tenant, url: Url = None, key: Key = None) -> None:
    """Let a tenant have what is usual."""
    with connected(url, key) as client:
        client.cache.reset(tenant)
    output.text(f"{tenant}: as usual.")


@app.command()
def entry(
    tenant: Tenant, entry_key: EntryKey, url: Url = None, key: Key = None, as_json: Json = False
) -> None:
    """Show an answer that is kept, without what it says."""
    with connected(url, key) as client:
        found = client.cache.entry(tenant, entry_key)
    if as_json:
        output.as_json(found)
    else:
        output.fields(found)


@app.command()
def purge(
    tenant: Tenant,
    entry_key: Annotated[str | None, typer.Option("--entry", help="One, by its key.")] = None,
    expert: Annotated[str | None, typer.Option(help="Those that an expert gave.")] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="Those of a version of its entry.")
    ] = None,
    category: Annotated[str | None, typer.Option(help="Those of a category.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the tenant's.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Remove answers that are kept: those for which all that is given holds."""
    given = any(one is not None for one in (entry_key, expert, version, category))
    if given == everything:
        output.fail("Give what they have in common, or --all.", code=2)
    with connected(url, key) as client:
        done = client.cache.purge(
            tenant,
            key=entry_key,
            expert=expert,
            version=version,
            category=category,
            everything=everything,
        )
    output.text(f"{tenant}: {done.removed} removed.")


def _show(found: CacheChoice, *, as_json: bool) -> None:
    if as_json:
        output.as_json(found)
    else:
        output.table(_COLUMNS, [_row(found)], empty="")


def _row(found: CacheChoice) -> list[object]:
    return [getattr(found, name) for name in _COLUMNS]
