"""``coe residency list`` and the like: local models in the memory of a running service."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client.types import ExpertModels

LARGEST_PAGE = 500

ExpertId = Annotated[str, typer.Argument(metavar="EXPERT", help="Id of the expert.")]


def list_models(
    limit: Annotated[int, typer.Option(min=1, help="How many, by name.")] = 100,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """List local models: on disk, mapped or loaded, how large, when last used, pinned or not."""
    with connected(url, key) as client:
        pages = client.residency.list(page_size=min(limit, LARGEST_PAGE))
        found = list(islice(pages, limit))
        memory = client.residency.memory()
    if as_json:
        output.as_json({"memory": memory, "models": found})
        return
    rows = [
        [
            one.model,
            ", ".join(one.experts),
            one.state,
            ("" if one.measured else "~") + bytes_of(one.size),
            _ago(one.idle_seconds),
            "yes" if one.pinned else "",
            one.in_use,
            one.waiting,
            one.loads,
        ]
        for one in found
    ]
    columns = ("model", "experts", "state", "size", "last used", "pinned", "in use", "waiting")
    output.table((*columns, "loads"), rows, empty="No expert has a model that is loaded here.")
    budget = "without a budget" if memory.budget is None else f"of {bytes_of(memory.budget)}"
    output.remark(f"{bytes_of(memory.used)} {budget} taken, {bytes_of(memory.pinned)} pinned.")


def load(expert: ExpertId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Load an expert's model now, and wait until it can answer."""
    with connected(url, key) as client:
        # A load may take long, and to ask for it twice would not make it any faster.
        done = client.with_options(timeout=_PATIENCE, max_retries=0).residency.load(expert)
    _tell(done, as_json=as_json)


def unload(expert: ExpertId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Unload an expert's model until a request asks for it."""
    with connected(url, key) as client:
        done = client.with_options(timeout=_PATIENCE).residency.unload(expert)
    _tell(done, as_json=as_json)


def pin(expert: ExpertId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Keep an expert's model in memory once it is loaded, until the service ends."""
    with connected(url, key) as client:
        done = client.residency.pin(expert)
    _tell(done, as_json=as_json)


def unpin(expert: ExpertId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Let an expert's model make room for others again."""
    with connected(url, key) as client:
        done = client.residency.unpin(expert)
    _tell(done, as_json=as_json)


_PATIENCE = 1800.0
"""Seconds."""


def bytes_of(count: int | None) -> str:
    """Write a number of bytes for people; a factor is 1,000."""
    if count is None:
        return "?"
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000.0:
            break
        size, unit = size / 1000.0, larger
    return f"{size:.3g} {unit}"


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def _tell(done: ExpertModels, *, as_json: bool) -> None:
    if as_json:
        output.as_json(done)
        return
    for model in done.models:
        pinned = ", pinned" if model.pinned else ""
        output.text(f"{model.model}: {model.state}{pinned}, {bytes_of(model.size)}")
