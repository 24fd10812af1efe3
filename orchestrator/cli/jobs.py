"""``coe jobs``: jobs of all tenants, for operators."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from orchestrator.cli import jobs_started, output
from orchestrator.cli.connection import Json, Key, Url, connected
from orchestrator.cli.jobs_watched import Out, ended, saved

app = typer.Typer(
    no_args_is_help=True,
    help="Work that workers do: batches, exports, trainings, evaluations, and what is scheduled.",
)
app.add_typer(jobs_started.app, name="start")
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
    kind: Annotated[
        str | None, typer.Option(help="Only batch, export, training or evaluation.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """List jobs. Runs in the background are listed by 'coe run list'."""
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
            job.kind,
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
    columns = ("job", "kind", "tenant", "state", "items", "done", "failed", "$", "made")
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


@app.command("watch")
def watch_job(
    job_id: JobId, out: Out = None, url: Url = None, key: Key = None, as_json: Json = False
) -> None:
    """Wait until a job has ended, and fetch the files that it has made."""
    with connected(url, key) as client:
        job = ended(client, job_id)
        if out is not None:
            saved(client, job, out)
    if as_json:
        output.as_json(job)
    else:
        output.fields(job)
    if job.state != "finished":
        output.fail(f"{job.id} is {job.state}: {job.error_message or 'it was stopped'}")


@app.command("schedule")
def show_schedule(url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Show what is done every so often, by one process at a time, and how it went."""
    with connected(url, key) as client:
        tasks = client.jobs.schedule()
    if as_json:
        output.as_json(tasks)
        return
    rows = [
        [
            task.name,
            task.every,
            "now" if task.running or task.wanted else task.next_run,
            task.last_run,
            task.seconds,
            task.problem or "",
        ]
        for task in tasks
    ]
    columns = ("task", "every (s)", "next", "last", "took (s)", "problem")
    output.table(columns, rows, empty="Nothing is scheduled yet.")


@app.command("run-task")
def run_task(
    name: Annotated[str, typer.Argument(help="A task of 'coe jobs schedule'.")],
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Have a scheduled task done within seconds."""
    with connected(url, key) as client:
        task = client.jobs.run_task(name)
    if as_json:
        output.as_json(task)
    else:
        output.remark(f"{task.name} is done within seconds; 'coe jobs schedule' says how it went.")


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
