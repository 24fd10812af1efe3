"""``coe batch``: many prompts in a file, answered in the background; the same command goes on with it."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import batch_files, output
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client import Coe
    from coe_client.types import Batch, BatchEstimate

app = typer.Typer(no_args_is_help=True, help="Many requests in a file, answered in the background.")
LARGEST_PAGE = 100
_LOOK_SECONDS = 0.5
_PIECE = 1 << 20

BatchId = Annotated[str, typer.Argument(metavar="ID", help="The batch's id.")]


@dataclass(frozen=True)
class Kept:
    """What is kept beside the answers, so that the same command goes on with the same batch.

    Args:
        file: Id of the uploaded prompts, kept before anything is begun.
        input: Hash of what they were made of.
        url: Of the service that has them.
        batch: Its id; ``None``: it was not known to be made when this was written.
    """

    file: str
    input: str
    url: str
    batch: str | None = None


@app.command("run")
def run_batch(
    prompts: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="Prompts as .jsonl, .csv or .parquet; see the guide."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Where the answers go: .jsonl, .csv or .parquet.")
    ],
    policy: Annotated[
        str | None, typer.Option(help="quality, balanced, economy or your own.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="An expert instead, by its id.")] = None,
    system: Annotated[
        str | None, typer.Option(help="System prompt of those that have none.")
    ] = None,
    window: Annotated[
        str, typer.Option(help="Until when it ends, done or not: minutes, hours or days.")
    ] = "24h",
    priority: Annotated[
        int, typer.Option(min=-100, max=100, help="Among your jobs; higher goes first.")
    ] = 0,
    most_usd: Annotated[
        float | None, typer.Option(help="Do not begin if it is expected to cost more.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it begins.")] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Answer the prompts of a file. Once more, it goes on with what it began; Ctrl-C leaves it working."""
    if policy is not None and model is not None:
        output.fail("Give --policy or --model, not both.", code=2)
    if out.suffix not in batch_files.FORMATS:
        output.fail(f"--out must end with {', '.join(batch_files.FORMATS)}.", code=2)
    asked = model if policy is None else f"coe-{policy}"
    with connected(url, key) as client:
        told = _told(prompts, asked, system)
        batch_id = _begun(client, out, told)
        if batch_id is None:
            batch_id = _begin(
                client,
                prompts,
                out,
                told,
                asked=asked,
                system=system,
                window=window,
                priority=priority,
                most_usd=most_usd,
                yes=yes,
            )
        batch = _watched(client, batch_id)
        _write(client, batch, out)
    if as_json:
        output.as_json(batch)
    if batch.status != "completed" or batch.request_counts.failed:
        raise typer.Exit(1)


@app.command("list")
def list_batches(
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 20,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """List batches."""
    with connected(url, key) as client:
        found = list(islice(client.batches.list(page_size=min(limit, LARGEST_PAGE)), limit))
    if as_json:
        output.as_json(found)
        return
    rows = [[one.id, one.status, *_counts(one), one.coe.cost_usd] for one in found]
    columns = ("batch", "status", "requests", "answered", "failed", "$")
    output.table(columns, rows, empty="There are no batches.")


@app.command("show")
def show_batch(batch_id: BatchId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Show a batch, and what is wrong with its input."""
    with connected(url, key) as client:
        batch = client.batches.get(batch_id)
    if as_json:
        output.as_json(batch)
    else:
        output.fields(batch)


@app.command("cancel")
def cancel_batch(
    batch_id: BatchId, url: Url = None, key: Key = None, as_json: Json = False
) -> None:
    """Cancel a batch; what was answered stays."""
    with connected(url, key) as client:
        batch = client.batches.cancel(batch_id)
    if as_json:
        output.as_json(batch)
    else:
        output.remark(f"{batch.id} is {batch.status}.")


def _told(prompts: Path, asked: str | None, system: str | None) -> str:
    """Return what tells one command from another: a hash of the prompts and how they are asked."""
    told = hashlib.sha256(json.dumps([asked, system]).encode())
    with prompts.open("rb") as file:
        while piece := file.read(_PIECE):
            told.update(piece)
    return told.hexdigest()


def _kept_at(out: Path) -> Path:
    return out.with_name(f"{out.name}.batch")


def _keep(out: Path, kept: Kept) -> None:
    path = _kept_at(out)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(asdict(kept)), encoding="utf-8")
    part.replace(path)


def _begun(client: Coe, out: Path, told: str) -> str | None:
    """Return the batch that an earlier command began for the same answers, if one did."""
    path = _kept_at(out)
    if not path.exists():
        return None
    try:
        kept = Kept(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        output.fail(f"{path} cannot be read ({error}): delete it to begin anew.")
    # The command may have ended before it was told of the batch that it had made.
    batch_id = kept.batch or next(
        (one.id for one in client.batches.list() if one.input_file_id == kept.file), None
    )
    if batch_id is None:
        return None
    if kept.input != told or kept.url != client.base_url:
        output.fail(
            f"{out} belongs to {batch_id}, made of other prompts or at another service: "
            f"choose another --out, or delete {path} to begin anew."
        )
    output.remark(f"Going on with {batch_id}.")
    return batch_id


def _begin(
    client: Coe,
    prompts: Path,
    out: Path,
    told: str,
    *,
    asked: str | None,
    system: str | None,
    window: str,
    priority: int,
    most_usd: float | None,
    yes: bool,
) -> str:
    with tempfile.TemporaryDirectory() as directory:
        requests = Path(directory) / f"{prompts.stem}.jsonl"
        try:
            with requests.open("wb") as file:
                rows = batch_files.read_rows(prompts)
                if not batch_files.write_requests(rows, file, model=asked, system=system):
                    output.fail(f"{prompts} holds no prompts.")
        except batch_files.PromptsInvalid as error:
            output.fail(f"{error}.")
        except ImportError:
            output.fail("Parquet needs the package pyarrow: install the extra 'parquet'.")
        file_id = client.files.upload(requests).id
    estimate = client.batches.estimate(file_id)
    _show(estimate)
    if most_usd is not None and estimate.usual_usd > most_usd:
        client.files.delete(file_id)
        output.fail(f"It is expected to cost more than ${most_usd:g}; nothing was begun.")
    if not yes and sys.stdin.isatty() and not typer.confirm("Begin?", default=True, err=True):
        client.files.delete(file_id)
        raise typer.Exit(1)
    kept = Kept(file_id, told, client.base_url)
    _keep(out, kept)
    batch = client.batches.create(file_id, completion_window=window, priority=priority)
    _keep(out, replace(kept, batch=batch.id))
    return batch.id


def _show(estimate: BatchEstimate) -> None:
    for problem in estimate.problems:
        output.remark(f"{problem.code}: {problem.message}")
    told = f"{estimate.requests} requests, about ${estimate.usual_usd:.4g}"
    output.remark(f"{told}, at most ${estimate.most_usd:.4g}.")
    for share in estimate.experts:
        output.remark(f"  {share.requests} by {share.expert}, about ${share.usual_usd:.4g}")


def _watched(client: Coe, batch_id: str) -> Batch:
    """Return a batch once it has ended, with its progress on the screen until then."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
            shown = bar.add_task("validating", total=None)
            while not (batch := client.batches.get(batch_id)).over:
                counts = batch.request_counts
                waits = batch.coe.waits_for
                bar.update(
                    shown,
                    total=counts.total or None,
                    completed=counts.completed + counts.failed,
                    description=batch.status if waits is None else f"waits: {waits}",
                )
                time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        output.remark(
            f"{batch_id} goes on. The same command waits for it; 'coe batch cancel {batch_id}' ends it."
        )
        raise typer.Exit(130) from None
    return batch


def _write(client: Coe, batch: Batch, out: Path) -> None:
    """Write a batch's results, and say how it ended and what it cost."""
    for error in batch.errors.data if batch.errors is not None else ():
        output.remark(f"{error.code}: {error.message}")
    if batch.output_file_id is not None or batch.error_file_id is not None:
        try:
            batch_files.write_answers(_lines(client, batch), out)
        except ImportError:
            output.fail("Parquet needs the package pyarrow: install the extra 'parquet'.")
    counts = batch.request_counts
    output.remark(
        f"{batch.id} is {batch.status}: {counts.completed} of {counts.total} answered, "
        f"{counts.failed} failed, {batch.coe.unbegun} not begun. It cost ${batch.coe.cost_usd:.9g}."
    )
    if batch.status == "failed" and counts.total == 0:
        _kept_at(out).unlink(missing_ok=True)  # nothing came of it, and the prompts have to change


def _lines(client: Coe, batch: Batch) -> Iterator[bytes]:
    files = (batch.output_file_id, batch.error_file_id)
    found = (client.files.content(file) for file in files if file is not None)
    return batch_files.lines_of(chain.from_iterable(found))


def _counts(batch: Batch) -> tuple[int, int, int]:
    counts = batch.request_counts
    return counts.total, counts.completed, counts.failed
