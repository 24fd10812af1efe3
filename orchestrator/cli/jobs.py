"""``coe jobs``: jobs of all tenants, for operators."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

app = typer.Typer(no_args_is_help=True, help="Jobs of all tenants, such as batches.")
LARGEST_PAGE = 500

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 20,
    state: Annotated[
        str | None,
        typer.Option(
            help="Only queued, running, cancelling, finished, failed, cancelled or expired."
        ),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind, such as batch.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """List jobs."""
    with connected(url, key) as client:
        pages = client.jobs.list(
            kind=kind, state=state, tenant=tenant, page_size=min(limit, LARGEST_PAGE)
        )
        found = list(islice(pages, limit))
    if as_json:
        output.as_json(found)
        return
    rows = [
        [
            job.id,
            job.tenant,
            job.state if job.waits_for is None else f"{job.state}: {job.waits_for}",
            job.progress.total,
            job.progress.completed,
            job.progress.failed,
            job.cost_usd,
            job.created_at,
        ]
        for job in found
    ]
    columns = ("job", "tenant", "state", "items", "done", "failed", "$", "made")
    output.table(columns, rows, empty="There are no jobs.")


@app.command("show")
def show_job(job_id: JobId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Show a job, and why items of it failed."""
    with connected(url, key) as client:
        job = client.jobs.get(job_id)
    if as_json:
        output.as_json(job)
        return
    output.fields(job.model_copy(update={"failures": len(job.failures)}))
    rows = [[one.error_code, one.items, one.example] for one in job.failures]
    if rows:
        output.table(("failed because of", "items", "such as"), rows, empty="")


@app.command("cancel")
def cancel_job(job_id: JobId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Cancel a job: what is under way ends, nothing more is begun."""
    with connected(url, key) as client:
        job = client.jobs.cancel(job_id)
    if as_json:
        output.as_json(job)
    else:
        output.remark(f"{job.id} is {job.state}.")


@app.command("requeue")
def requeue_job(
    job_id: JobId,
    error_code: Annotated[
        str | None, typer.Option("--code", help="Only items that failed with this code.")
    ] = None,
    dropped: Annotated[
        bool,
        typer.Option("--dropped", help="Also items never begun, since the job was stopped."),
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Have the failed items of an ended job tried again."""
    with connected(url, key) as client:
        done = client.jobs.requeue(job_id, error_code=error_code, dropped=dropped)
    if as_json:
        output.as_json(done)
    else:
        output.remark(f"{done.requeued} items were queued again; the job is {done.job.state}.")
