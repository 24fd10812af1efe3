"""``coe limits``: what tenants and keys may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client.types import LimitsRecord

app = typer.Typer(no_args_is_help=True, help="Limits and budgets of tenants and keys.")
Tenant = Annotated[str | None, typer.Option(metavar="ID", help="A tenant: all its keys together.")]
KeyId = Annotated[str | None, typer.Option("--of-key", metavar="ID", help="A key, by its id.")]
_COLUMNS = ["tenant", "key", "limit", "most", "used", "reserved", "left"]


@app.command("list")
def list_limits(url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """List all limits, with what is used of them."""
    with connected(url, key) as client:
        records = list(client.limits.list())
    if as_json:
        output.as_json(records)
    else:
        rows = [row for record in records for row in _rows(record)]
        output.table(_COLUMNS, rows, empty="Nothing is limited.")


@app.command()
def show(
    tenant: Tenant = None,
    key_id: KeyId = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Show the limits of a tenant or a key, with what is used of them."""
    _check(tenant, key_id)
    with connected(url, key) as client:
        record = client.limits.get(tenant=tenant, key_id=key_id)
    _show(record, as_json=as_json)


@app.command("set")
def set_limits(
    tenant: Tenant = None,
    key_id: KeyId = None,
    requests: Annotated[int | None, typer.Option(min=1, help="Requests a minute.")] = None,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens a minute, read and written.")
    ] = None,
    concurrent: Annotated[
        int | None, typer.Option(min=1, help="Requests at once, streams included.")
    ] = None,
    usd_per_day: Annotated[
        float | None, typer.Option(min=0, help="US dollars in a day (UTC).")
    ] = None,
    usd_per_month: Annotated[
        float | None, typer.Option(min=0, help="US dollars in a month (UTC).")
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Set the limits of a tenant or a key in place of those before; what is left out is not limited."""
    _check(tenant, key_id)
    with connected(url, key) as client:
        record = client.limits.set(
            tenant=tenant,
            key_id=key_id,
            requests_per_minute=requests,
            tokens_per_minute=tokens,
            concurrent_requests=concurrent,
            usd_per_day=usd_per_day,
            usd_per_month=usd_per_month,
        )
    _show(record, as_json=as_json)


@app.command()
def remove(tenant: Tenant = None, key_id: KeyId = None, url: Url = None, key: Key = None) -> None:
    """Take the limits of a tenant or a key away."""
    _check(tenant, key_id)
    with connected(url, key) as client:
        client.limits.remove(tenant=tenant, key_id=key_id)
    output.text(f"{tenant or key_id}: not limited.")


def _check(tenant: str | None, key_id: str | None) -> None:
    if (tenant is None) == (key_id is None):
        output.fail("Give --tenant or --of-key.", code=2)


def _show(record: LimitsRecord, *, as_json: bool) -> None:
    if as_json:
        output.as_json(record)
    else:
        output.table(_COLUMNS, _rows(record), empty="The counters cannot be reached now.")


def _rows(record: LimitsRecord) -> list[list[object]]:
    whose = [record.tenant, record.key_id or "all"]
    return [
        [*whose, use.limit, use.most, use.used, use.reserved, use.remaining]
        for use in record.use or ()
    ]
