"""How the installation is, at this moment."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from nicegui import ui

from coe_client import CoeError
from coe_client.types import System
from coe_client.types.system import SystemPart
from orchestrator.admin.pages.system.problems import Problem, problems
from orchestrator.admin.parts.live import keep_fresh
from orchestrator.admin.parts.markup import Content, Markup, badge, facts, table, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count, size, span
from orchestrator.admin.parts.panels import grid, note_box, panel, tile, tiles
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View

_EVERY_SECONDS = 5.0
_TONES = {
    "ok": "good",
    "slow": "warn",
    "away": "bad",
    "degraded": "warn",
    "working": "good",
    "silent": "warn",
}


async def draw(view: View) -> None:
    """Draw the page, and draw it anew every few seconds."""
    body = ui.element("div").classes("stack")

    async def refresh() -> None:
        system = await view.client.system()
        body.clear()
        with body:
            _all(view, system)

    async def look() -> None:
        with suppress(CoeError):  # what is there stays; the next look is soon
            await refresh()

    await refresh()
    keep_fresh(look, _EVERY_SECONDS)


def _all(view: View, system: System) -> None:
    queues, processes = system.queues, system.processes
    tiles(
        tile(
            "Replicas",
            count(len(processes.replicas)),
            f"{sum(one.ready for one in processes.replicas)} ready",
        ),
        tile("Workers", count(len(processes.workers)), _busy(system)),
        tile(
            "Runs that wait",
            count(queues.runs_queued),
            _oldest(queues.oldest_run_queued_at, system.checked_at),
        ),
        tile(
            "Items of jobs",
            count(queues.items_open),
            f"of {count(queues.jobs_running)} jobs at work",
        ),
        tile("Usage on its way", count(queues.usage_undrained), "records not yet in Postgres"),
        tile("Version", system.build.version, system.build.python),
    )
    for problem in problems(system):
        put(_told(problem))
    _processes(view, system)
    with grid():
        _part("Postgres", system.database, _database(system))
        _part("Redis", system.redis, _redis(system))
        _part("Queues", system.queues, _queues(view, system))
        _part("Disk", system.disk, _disk(system))
    with panel("Built with"):
        packages = [f"{name} {version}" for name, version in sorted(system.build.packages.items())]
        put(tag("p", f"{system.build.machine}; " + ", ".join(packages), class_="soft small"))


def _told(problem: Problem) -> Markup:
    return note_box([tag("strong", problem.what), " ", problem.do], problem.tone)


def _busy(system: System) -> str:
    workers = system.processes.workers
    return f"{sum(one.runs or 0 for one in workers)} runs, {sum(one.items or 0 for one in workers)} items"


def _oldest(since: datetime | None, now: datetime) -> str | None:
    return f"the oldest for {span((now - since).total_seconds())}" if since else None


def _processes(view: View, system: System) -> None:
    with panel("Replicas", "Processes that serve requests.", flush=True):
        rows: list[tuple[Content, ...]] = [
            (
                tag("span", f"{one.host}:{one.pid}", class_="strong")
                + (Markup("") if one.number is None else tag("span", f" worker {one.number}"))
                + (
                    tag("span", " ") + badge("answers this page", "accent")
                    if one.answers_this
                    else Markup("")
                ),
                badge(one.status, _TONES.get(one.status, "bad"), dot=True),
                one.address,
                one.version,
                count(one.requests),
                when(one.started_at, view.zone),
                when(one.seen_at, view.zone),
            )
            for one in system.processes.replicas
        ]
        headings = (
            "Process",
            "State",
            "Address",
            "Version",
            "Requests now",
            "Up since",
            "Last heard of",
        )
        put(
            table("Replicas", headings, rows, numeric=(4,))
            if rows
            else empty("No replica has told of itself")
        )
    with panel("Workers", "Processes that do runs and jobs.", flush=True):
        rows = [
            (
                tag("span", f"{one.host}:{one.pid}" if one.host else one.id, class_="strong"),
                badge(one.status, _TONES.get(one.status, "bad"), dot=True),
                one.version,
                count(one.runs),
                count(one.items),
                when(one.seen_at, view.zone),
                when(one.lease_until, view.zone),
            )
            for one in system.processes.workers
        ]
        headings = ("Process", "State", "Version", "Runs", "Items", "Last heard of", "Lease until")
        none = empty(
            "No worker is there", "Runs and jobs wait. Start one with: coe worker", "engineering"
        )
        put(table("Workers", headings, rows, numeric=(3, 4)) if rows else none)


def _part(name: str, part: SystemPart, pairs: Iterable[tuple[str, Content]]) -> None:
    with panel(span=6) as body, body:
        put(tag("h2", name, " ", badge(part.state, _TONES.get(part.state, ""), dot=True)))
        if part.problem:
            put(tag("p", part.problem, class_="bad"))
        put(facts(pairs))


def _database(system: System) -> list[tuple[str, Content]]:
    of = system.database
    return [
        ("Version", of.version),
        ("Size", size(of.size_bytes)),
        (
            "Connections",
            f"{count(of.connections)} here, {count(of.max_connections)} at most on the server",
        ),
        ("Schema", f"{of.revision or '–'}, needed {of.needed_revision or '–'}"),
        ("Clock", _clock(of.clock_ahead_seconds)),
    ]


def _redis(system: System) -> list[tuple[str, Content]]:
    of = system.redis
    bound = size(of.max_bytes) if of.max_bytes else "no bound"
    return [
        ("Version", f"{of.flavour or ''} {of.version or '–'}"),
        ("Memory", f"{size(of.used_bytes)} of {bound}"),
        ("Eviction", f"{of.eviction_policy or '–'}; {count(of.evicted_keys)} keys were evicted"),
        ("Written to disk", {True: "each change", False: "no", None: "–"}[of.append_only]),
        ("Keys", f"{count(of.keys)}; {count(of.clients)} clients"),
        ("Clock", _clock(of.clock_ahead_seconds)),
    ]


def _queues(view: View, system: System) -> list[tuple[str, Content]]:
    of = system.queues
    return [
        (
            "Runs",
            f"{count(of.runs_queued)} wait, {count(of.runs_running)} at work, {count(of.runs_waiting)} for approval",
        ),
        (
            "Jobs",
            f"{count(of.jobs_queued)} wait, {count(of.jobs_running)} at work, {count(of.jobs_cancelling)} end",
        ),
        ("Oldest job that waits", when(of.oldest_job_queued_at, view.zone)),
        ("Messages to webhooks", count(of.webhooks_due)),
        ("Messages to workers", count(of.messages)),
    ]


def _disk(system: System) -> list[tuple[str, Content]]:
    of = system.disk
    return [
        ("Data directory", tag("code", of.path or "–")),
        ("Free", f"{size(of.free_bytes)} of {size(of.total_bytes)}"),
        ("Usage in the spool", size(of.spool_bytes)),
    ]


def _clock(ahead: float | None) -> str:
    if ahead is None:
        return "–"
    return (
        "the same"
        if abs(ahead) < 0.5
        else f"{abs(ahead):.1f} s {'ahead' if ahead > 0 else 'behind'}"
    )
