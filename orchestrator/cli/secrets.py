"""``coe secrets``: what experts' endpoints need, kept encrypted by the service."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

app = typer.Typer(no_args_is_help=True, help="Stored secrets, such as vendors' API keys.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="As in an endpoint's 'stored'.")]


@app.command("list")
def list_secrets(url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """List names; values never leave the service."""
    with connected(url, key) as client:
        records = list(client.secrets.list())
    if as_json:
        output.as_json(records)
        return
    rows = ([record.name, record.updated_at] for record in records)
    output.table(["name", "set"], rows, empty="No secrets.")


@app.command("set")
def set_secret(name: Name, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Store a secret, read from a prompt or from standard input, never from the command line."""
    value = _value()
    if not value:
        output.fail("The value is empty: give it on standard input.", code=2)
    with connected(url, key) as client:
        client.secrets.set(name, value)
    _done(name, "set", as_json=as_json)


@app.command()
def delete(name: Name, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Forget a secret."""
    with connected(url, key) as client:
        client.secrets.delete(name)
    _done(name, "delete", as_json=as_json)


def _value() -> str:
    """Read the value; the line end that a shell adds is no part of it."""
    if sys.stdin.isatty():
        return str(typer.prompt("Value", hide_input=True, err=True))
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")


def _done(name: str, action: str, *, as_json: bool) -> None:
    if as_json:
        output.as_json({"name": name, "action": action})
    else:
        output.text(f"{name}: {'stored' if action == 'set' else 'deleted'}.")
