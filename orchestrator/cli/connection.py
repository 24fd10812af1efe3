"""How every remote command finds the service, and how it fails."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from orchestrator.cli import output
from orchestrator.kit.paths import default_data_dir

if TYPE_CHECKING:
    from coe_client import Coe, CoeError

DEFAULT_URL = "http://127.0.0.1:8400"
PANEL = "Connection and output"

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="COE_BASE_URL",
        metavar="URL",
        help=f"Address of the service. Default: the running local one, else {DEFAULT_URL}.",
        rich_help_panel=PANEL,
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="COE_API_KEY",
        metavar="KEY",
        help="API key. Default: the local service's own admin key, for the local service only.",
        rich_help_panel=PANEL,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print JSON and nothing else.", rich_help_panel=PANEL),
]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the service is and who asks."""

    url: str
    key: str | None = field(repr=False)


def data_dir(environ: Mapping[str, str]) -> Path:
    """Return the data directory of the local service."""
    named = environ.get("COE_DATA_DIR")
    return Path(named).expanduser() if named else default_data_dir(environ)


def locate(url: str | None, key: str | None, directory: Path) -> Target:
    """Find address and key: what is given, else what the local service left in ``directory``.

    The key in the directory is the local service's. It goes to the address that service wrote
    down and nowhere else: not to another host, and not to whoever listens on this machine while
    the service does not run.

    Raises:
        ValueError: A file of the directory is there and cannot be read; says what to do.
    """
    local = _local_url(directory)
    address = url or local or DEFAULT_URL
    if key is None and local is not None and _same(address, local):
        key = _read(directory / "admin-key", "give a key with --key or COE_API_KEY")
    return Target(address, key.strip() if key else None)


@contextmanager
def connected(url: str | None, key: str | None) -> Iterator[Coe]:
    """Yield a client of the service; end the program with one sentence where it fails."""
    from coe_client import Coe, CoeError

    try:
        target = locate(url, key, data_dir(os.environ))
        client = Coe(base_url=target.url, api_key=target.key)
    except ValueError as error:
        output.fail(f"{error}.", code=2)
    with client:
        try:
            yield client
        except CoeError as error:
            output.fail(sentence(error, target))


def sentence(error: CoeError, target: Target) -> str:
    """Say what went wrong, and what to do about it where that is known."""
    from coe_client import APIConnectionError, AuthenticationError

    if isinstance(error, APIConnectionError) and not error.sent:
        return (
            f"The service does not answer at {target.url}: start it with `coe serve`, "
            "or give its address with --url."
        )
    if isinstance(error, AuthenticationError) and target.key is None:
        return f"{error} Give a key with --key or COE_API_KEY."
    return str(error)


def _local_url(directory: Path) -> str | None:
    path = directory / "server.json"
    advice = "start the service anew, or give its address with --url"
    text = _read(path, advice)
    if text is None:
        return None
    try:
        url = json.loads(text)["url"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} does not name an address: {advice}") from error
    return str(url)


def _read(path: Path, advice: str) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ValueError(f"{path} cannot be read ({reason}): {advice}") from error


def _same(one: str, other: str) -> bool:
    """Tell whether two addresses are one service; this machine goes by several names."""
    from coe_client.settings import resolve

    here, there = (resolve(url, None, None, 0) for url in (one, other))
    if here.base_url == there.base_url:
        return True
    both_local = here.is_loopback and there.is_loopback
    return both_local and urlsplit(here.base_url).port == urlsplit(there.base_url).port
