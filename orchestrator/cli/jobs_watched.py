"""A job on the screen until it has ended, and the files that it has made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output

if TYPE_CHECKING:
    from coe_client import Coe
    from coe_client.types import Job

_LOOK_SECONDS = 0.5

Out = Annotated[
    Path | None, typer.Option(file_okay=False, help="Directory for the files that it makes.")
]


def ended(client: Coe, job_id: str) -> Job:
    """Return a job once it has ended, with its progress on the screen until then."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(
            *columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True
        ) as bar:
            shown = bar.add_task("queued", total=None)

            def update(job: Job) -> None:
                doing, done, of = _told(job)
                bar.update(shown, description=doing, completed=done, total=of)

            return client.jobs.wait(job_id, progress=update, every=_LOOK_SECONDS)
    except KeyboardInterrupt:
        output.remark(
            f"{job_id} goes on. 'coe jobs watch {job_id}' waits for it; "
            f"'coe jobs cancel {job_id}' ends it."
        )
        raise typer.Exit(130) from None


def saved(client: Coe, job: Job, out: Path) -> list[Path]:
    """Write the files that a job has made into a directory, each whole or not at all."""
    made = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file in (job.result or {}).get("files", ()):
            path = out / Path(file["name"]).name
            part = path.with_name(f"{path.name}.part")
            with part.open("wb") as target:
                target.writelines(client.jobs.file(job.id, file["name"]))
            part.replace(path)
            made.append(path)
    except OSError as error:
        output.fail(f"{error.filename or out}: {error.strerror or error}.")
    return made


def _told(job: Job) -> tuple[str, int, int | None]:
    """Return what a job is at, how much of it is done, and how much there is."""
    if job.waits_for is not None:
        return f"waits: {job.waits_for}", job.progress.completed, job.progress.total or None
    if job.work is not None:
        return job.work.doing, job.work.done, job.work.of
    done = job.progress.completed + job.progress.failed
    return job.state, done, job.progress.total or None
