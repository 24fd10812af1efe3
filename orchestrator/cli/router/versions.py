"""``coe router``: the versions that a running service holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client.types import RouterComparison, RouterVersion

app = typer.Typer()
VersionId = Annotated[
    str, typer.Argument(metavar="ID", help="The version's id, rv_... or starter.")
]
LARGEST_FILE = 1 << 30


@app.command("list")
def list_versions(url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """List router versions, the newest first; the built-in one is the last."""
    with connected(url, key) as client:
        versions = list(client.routers.list())
    if as_json:
        output.as_json(versions)
        return
    rows = (
        [v.id, v.version, v.status, v.share, v.embedder, len(v.experts), v.created_at, v.note]
        for v in versions
    )
    columns = ["id", "version", "status", "share", "embedder", "experts", "imported", "note"]
    output.table(columns, rows, empty="No router versions.")


@app.command()
def show(version_id: VersionId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Show a version: which experts it lacks, which budgets cannot be kept, how it did as shadow."""
    with connected(url, key) as client:
        version = client.routers.get(version_id)
        comparison = None if version.built_in else client.routers.comparison(version_id)
    if as_json:
        compared = None if comparison is None else output.plain(comparison)
        output.as_json({**output.plain(version), "comparison": compared})
        return
    output.fields(version)
    for policy, infeasible in (version.infeasible or {}).items():
        output.remark(f"Policy {policy}: {infeasible.message} The nearest that can be is used.")
    if comparison is not None and comparison.n:
        _show_comparison(comparison)


@app.command("import")
def import_version(
    artifact: Annotated[
        Path,
        typer.Argument(
            metavar="ARTIFACT", help="A directory that 'train' wrote, or a packed file."
        ),
    ],
    note: Annotated[str, typer.Option(help="What it is, for people.")] = "",
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Store an artefact in the service as a candidate. It decides nothing yet."""
    data = packed(artifact)
    with connected(url, key) as client:
        version = client.routers.upload(data, note=note)
    _done(version, as_json=as_json)


@app.command()
def promote(version_id: VersionId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Let a version decide, on every replica within a second. The one before it is retired."""
    with connected(url, key) as client:
        version = client.routers.promote(version_id)
    _done(version, as_json=as_json)


@app.command()
def shadow(
    version_id: VersionId,
    share: Annotated[
        float, typer.Option(min=0, max=1, help="Part of the requests it is asked about.")
    ] = 0.1,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Let a version decide beside the live ones, noted and never used; 'show' compares them."""
    with connected(url, key) as client:
        version = client.routers.shadow(version_id, share=share)
    _done(version, as_json=as_json)


@app.command()
def canary(
    version_id: VersionId,
    share: Annotated[
        float, typer.Option(min=0, max=1, help="Part of the sessions and requests it decides.")
    ] = 0.05,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Let a version decide for a share of the requests."""
    with connected(url, key) as client:
        version = client.routers.canary(version_id, share=share)
    _done(version, as_json=as_json)


@app.command()
def rollback(url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Let the version that was active before decide again."""
    with connected(url, key) as client:
        version = client.routers.rollback()
    _done(version, as_json=as_json)


@app.command()
def retire(version_id: VersionId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Take a version out of use. It is kept, and can be promoted again."""
    with connected(url, key) as client:
        version = client.routers.retire(version_id)
    _done(version, as_json=as_json)


@app.command()
def report(
    version_id: VersionId,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as a page to this file instead.")
    ] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Print the evaluation report that a version came with, as JSON."""
    with connected(url, key) as client:
        if html is None:
            output.as_json(client.routers.report(version_id))
            return
        page = client.routers.report_page(version_id)
    try:
        html.write_text(page, encoding="utf-8")
    except OSError as error:
        output.fail(f"{html}: {error.strerror}.")
    output.remark(f"{html} written.")


def packed(artifact: Path) -> bytes:
    """Return an artefact's bytes, from a directory or a packed file."""
    from router.artifact import ArtifactInvalid, load, pack

    try:
        if artifact.is_dir():
            return pack(load(artifact))
        if artifact.stat().st_size > LARGEST_FILE:
            output.fail(f"{artifact}: larger than {LARGEST_FILE} bytes.")
        return artifact.read_bytes()
    except ArtifactInvalid as error:
        output.fail(f"{artifact} cannot be used: {error}.")
    except OSError as error:
        output.fail(f"{artifact}: {error.strerror}.")


def _done(version: RouterVersion, *, as_json: bool) -> None:
    if as_json:
        output.as_json(version)
        return
    share = f" for {version.share:.4g} of the requests" if version.share is not None else ""
    output.text(f"{version.id}: {version.status}{share} ({version.version}).")


def _show_comparison(comparison: RouterComparison) -> None:
    n = comparison.n
    rows: list[tuple[str, Any]] = [
        ("requests both decided", n),
        ("same category", comparison.same_category / n),
        ("same expert", comparison.same_expert / n),
        ("expected cost, live", comparison.live_cost_usd),
        ("expected cost, shadow", comparison.cost_usd),
    ]
    output.table(("as a shadow", ""), rows, empty="")
    moves = ([move.live_expert, move.expert, move.n] for move in comparison.moves)
    output.table(("live", "shadow", "requests"), moves, empty="No request would have moved.")
