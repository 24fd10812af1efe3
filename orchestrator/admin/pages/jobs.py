"""Jobs: work in the background, and what is done every so often."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

from nicegui import ui

from coe_client import CoeError
from coe_client.types import Job, JobDetail, ScheduledTask
from orchestrator.admin.parts.asking import button, confirmed, go, telling
from orchestrator.admin.parts.filters import tenant_filter
from orchestrator.admin.parts.listing import Column, Filter, Listing
from orchestrator.admin.parts.live import keep_fresh
from orchestrator.admin.parts.markup import Markup, badge, draw, facts, link, meter, table, tag
from orchestrator.admin.parts.numbers import count, money, span
from orchestrator.admin.parts.panels import grid, note_box, panel, stack, tile, tiles
from orchestrator.admin.parts.sources import paged
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.parts.titles import set_title
from orchestrator.admin.session import View

Again = Callable[[], Awaitable[None]]
"""Draws anew what has changed."""

STATES = {
    "queued": "info",
    "running": "info",
    "cancelling": "warn",
    "finished": "good",
    "failed": "bad",
    "cancelled": "",
    "expired": "bad",
}
_KINDS = ("batch", "evaluation", "training", "export")
_REFRESH_SECONDS = 5.0


async def draw_list(view: View) -> None:
    """Draw the list of jobs, and the schedule below it."""

    def cell_of(row: Job) -> Markup:
        return link(row.id, f"/admin/jobs/{row.id}", "row-link mono")

    columns = (
        Column[Job]("Job", cell_of, value=lambda row: row.id),
        Column[Job]("Kind", lambda row: row.kind, value=lambda row: row.kind),
        Column[Job](
            "State",
            lambda row: badge(row.state, STATES.get(row.state, ""), dot=True),
            value=lambda row: row.state,
        ),
        Column[Job]("Progress", progress, sort="items", value=lambda row: row.progress.completed),
        Column[Job](
            "Failed",
            lambda row: count(row.progress.failed),
            sort="failed",
            numeric=True,
            value=lambda row: row.progress.failed,
        ),
        Column[Job]("Tenant", lambda row: row.tenant, value=lambda row: row.tenant),
        Column[Job](
            "Cost",
            lambda row: money(row.cost_usd),
            sort="cost",
            numeric=True,
            value=lambda row: row.cost_usd,
        ),
        Column[Job](
            "Asked for",
            lambda row: when(row.created_at, view.zone),
            sort="created",
            value=lambda row: row.created_at.isoformat(),
        ),
    )
    tenants = await tenant_filter(view)
    none = empty(
        "No jobs yet",
        "Batches, exports, trainings and evaluations appear here as they are started.",
        "work_history",
    )
    listing = Listing(
        "jobs",
        columns,
        paged(
            lambda query: view.client.jobs.list(
                kind=query.filters.get("kind"),
                state=query.filters.get("state"),
                tenant=query.filters.get("tenant"),
                q=query.search or None,
                sort=query.order,
                page_size=query.limit,
            )
        ),
        start=view.query,
        filters=(
            Filter("kind", "Kind", {kind: kind for kind in _KINDS}),
            Filter("state", "State", {state: state for state in STATES}),
            tenants,
        ),
        searchable="Job, tenant, metadata or error",
        sort="-created",
        nothing=none,
    )
    await listing.show()
    keep_fresh(listing.refresh, _REFRESH_SECONDS)
    await _schedule(view)


def progress(job: Job) -> Markup:
    """Return how far a job is."""
    done = job.progress.completed + job.progress.failed + job.progress.dropped
    if not job.progress.total:
        work = job.work
        ended = "complete" if job.state == "finished" else "–"
        told = ended if job.over else work.doing if work else "waits"
        return tag("span", told, class_="soft")
    tone = "bad" if job.progress.failed else "good" if job.over else ""
    text = f"{count(done)} of {count(job.progress.total)}"
    failed = f", {count(job.progress.failed)} failed" if job.progress.failed else ""
    return meter(done / job.progress.total, tone, name="Progress") + tag(
        "span", text + failed, class_="sub"
    )


async def _schedule(view: View) -> None:
    with panel("Schedule", "What one process or another does every so often.", flush=True) as body:

        async def drawn() -> None:
            tasks = await view.client.jobs.schedule()
            body.clear()
            with body:
                rows = [_task(task, view) for task in tasks]
                headings = ("Task", "Every", "Last time", "Took", "Next", "Outcome")
                draw(table("Schedule", headings, rows, numeric=(1, 3)))
                _run_now([task.name for task in tasks], view, drawn)

        await drawn()


def _task(task: ScheduledTask, view: View) -> tuple[str | Markup, ...]:
    outcome = (
        badge("running", "info", dot=True)
        if task.running
        else tag("span", task.problem, class_="bad small")
        if task.problem
        else badge("fine", "good", dot=True)
        if task.last_run
        else tag("span", "not yet", class_="faint")
    )
    return (
        tag("span", task.name, class_="strong"),
        span(task.every),
        when(task.last_run, view.zone),
        "–" if task.seconds is None else f"{task.seconds:.2g} s",
        when(task.next_run, view.zone),
        outcome,
    )


def _run_now(names: list[str], view: View, again: Again) -> None:
    with ui.element("div").classes("line").style("padding: 12px 16px"):
        choice = ui.select(names, label="Task", value=names[0] if names else None)
        choice.props("outlined dense options-dense").style("min-width: 220px")

        async def run() -> None:
            async with telling(f"'{choice.value}' is done within seconds."):
                await view.client.jobs.run_task(str(choice.value))
            await again()

        button("Run now", run, enabled=view.may("editor"), why_not="This needs the role editor.")


async def draw_one(view: View) -> None:
    """Draw one job."""
    body = ui.element("div").classes("stack")
    job_id = view.path["job_id"]
    shown: list[str] = []

    async def refresh() -> None:
        job = await view.client.jobs.get(job_id)
        state = job.model_dump_json()
        if shown == [state]:
            return
        shown[:] = [state]
        body.clear()
        with body:
            _job(job, view, refresh)
        if job.over:
            timer.deactivate()

    async def look() -> None:
        with suppress(CoeError):  # what is there stays; the next look is soon
            await refresh()

    timer = ui.timer(_REFRESH_SECONDS / 2, look, immediate=False)
    set_title(job_id)
    await refresh()


def _job(job: JobDetail, view: View, refresh: Again) -> None:
    tiles(
        tile("State", job.state, tag("span", job.kind)),
        tile("Done", count(job.progress.completed), f"of {count(job.progress.total)}"),
        tile("Failed", count(job.progress.failed), f"{count(job.progress.dropped)} never begun"),
        tile(
            "Cost",
            money(job.cost_usd),
            f"{count(job.prompt_tokens + job.completion_tokens)} tokens",
        ),
    )
    if job.error_message:
        draw(note_box(f"{job.error_message} ({job.error_code})", "bad"))
    elif job.work and not job.over:
        draw(note_box([f"Now: {job.work.doing}"]))
    if job.waits_for:
        draw(note_box(f"Waits for {job.waits_for}.", "warn"))
    _changes(job, view, refresh)
    with grid():
        with stack(6), panel("Job"):
            draw(
                facts(
                    [
                        ("Tenant", job.tenant),
                        ("Key", tag("code", job.key_id)),
                        ("Priority", str(job.priority)),
                        ("Progress", progress(job)),
                        ("Asked for", when(job.created_at, view.zone)),
                        ("Begun", when(job.started_at, view.zone)),
                        ("Ended", when(job.finished_at, view.zone)),
                        ("Given up at", when(job.deadline, view.zone)),
                    ]
                )
            )
        with stack(6):
            if job.failures:
                with panel("Why items failed", flush=True):
                    rows = [
                        (tag("code", one.error_code), count(one.items), one.example)
                        for one in job.failures
                    ]
                    draw(table("Failures", ("Reason", "Items", "Such as"), rows, numeric=(1,)))
            if job.result:
                with panel("What came of it"):
                    _result(job, view)


def _result(job: JobDetail, view: View) -> None:
    result = dict(job.result or {})
    for name in (str(one["name"]) for one in result.pop("files", None) or ()):

        async def fetch(name: str = name) -> None:
            async with telling():
                pieces = [piece async for piece in view.client.jobs.file(job.id, name)]
                ui.download.content(b"".join(pieces), name)

        button(f"Download {name}", fetch, icon="download")
    if result:
        draw(
            tag(
                "pre",
                json.dumps(result, indent=2, ensure_ascii=False),
                class_="block",
                tabindex="0",
            )
        )


def _changes(job: JobDetail, view: View, refresh: Again) -> None:
    may, why = view.may("editor"), "This needs the role editor."

    async def cancel() -> None:
        text = "No more of its items are begun; what has been answered stays."
        if await confirmed("Cancel this job?", text, "Cancel the job", danger=True):
            async with telling("The job is being cancelled."):
                await view.client.jobs.cancel(job.id)
            await refresh()

    async def requeue() -> None:
        async with telling("The failed items are tried again."):
            await view.client.jobs.requeue(job.id)
        await refresh()

    with ui.element("div").classes("line"):
        if not job.over:
            button("Cancel", cancel, kind="danger", enabled=may, why_not=why)
        elif job.progress.failed:
            button("Try failed items again", requeue, icon="replay", enabled=may, why_not=why)
        button("All jobs", lambda: go("/admin/jobs"), kind="quiet", icon="arrow_back")
