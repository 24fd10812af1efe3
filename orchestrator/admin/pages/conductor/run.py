"""One run: its answer, its steps as they happen, and what can be done with it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from nicegui import background_tasks, ui

from coe_client import CoeError
from coe_client.types import RunDetail, RunStep
from orchestrator.admin.pages.conductor.steps import tree
from orchestrator.admin.parts.asking import button, confirmed, go, telling
from orchestrator.admin.parts.diagrams import diagram
from orchestrator.admin.parts.markup import Markup, badge, facts, link, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count, money, seconds
from orchestrator.admin.parts.panels import grid, note_box, panel, stack, tile, tiles
from orchestrator.admin.parts.times import when
from orchestrator.admin.parts.titles import set_title
from orchestrator.admin.session import View

_NOT_OFTENER = 0.5
"""Seconds between two drawings of a run that goes on."""


async def draw(view: View) -> None:
    """Draw the page, and draw it anew as long as something happens."""
    run_id = view.path["run_id"]
    set_title(run_id)
    body = ui.element("div").classes("stack").props('aria-live="polite"')

    async def drawn() -> RunDetail:
        run = await view.client.runs.get(run_id)
        body.clear()
        with body:
            await _run(view, run)
        return run

    async def follow() -> None:
        try:
            async with aclosing(view.client.runs.events(run_id)) as events:
                last = 0.0
                async for event in events:
                    if body.is_deleted:
                        return
                    now = asyncio.get_running_loop().time()
                    if event.type.endswith(".delta") or now - last < _NOT_OFTENER:
                        continue
                    last = now
                    await drawn()
            if not body.is_deleted:
                await drawn()
        except CoeError as error:
            if not body.is_deleted:
                with body:
                    put(note_box(f"What happens is not shown any more: {error}", "warn"))

    if not (await drawn()).ended:
        task = background_tasks.create(follow(), name="a run is followed")
        ui.context.client.on_delete(task.cancel)


async def _run(view: View, run: RunDetail) -> None:
    spent = run.spent
    tiles(
        tile("State", run.status, f"strategy {run.strategy}"),
        tile("Calls", count(spent.calls), f"{len(run.steps)} steps"),
        tile(
            "Tokens",
            count(spent.prompt_tokens + spent.completion_tokens),
            f"{count(spent.completion_tokens)} written",
        ),
        tile(
            "Cost",
            money(spent.usd),
            f"of {money(run.limits.get('usd'))}" if run.limits.get("usd") else None,
        ),
        tile(
            "Time",
            seconds(spent.seconds),
            f"of {seconds(run.limits['seconds'])}" if run.limits.get("seconds") else None,
        ),
    )
    if run.error:
        put(note_box(f"{run.error.message} ({run.error.code})", "bad"))
    if run.stopped:
        put(note_box(f"It was stopped: {run.stopped}.", "warn"))
    _changes(view, run)
    with grid():
        with stack(8):
            if run.answer:
                with panel("Answer"):
                    put(tag("div", run.answer, class_="answer", style="white-space: pre-wrap"))
            with panel("Steps", "Each opens to what was asked and what came of it."):
                put(tree(run.steps))
                for step in run.steps:
                    if step.status == "waiting":
                        _waiting(view, run, step)
            if run.steps:
                with panel("Graph") as body:
                    body.style("max-height: 520px; overflow: auto")
                    picture = await view.client.runs.graph(run.id)
                    diagram(picture, "Steps of the run, each after those it needed")
        with stack(4), panel("Run"):
            put(facts(_facts(view, run)))
            put(tag("h3", "Task"))
            texts = [f"{one.get('role', '')}: {one.get('content', '')}" for one in run.messages]
            put(tag("pre", "\n\n".join(texts), class_="block", tabindex="0"))


def _facts(view: View, run: RunDetail) -> list[tuple[str, str | Markup]]:
    origin = (
        link(run.replay_of, f"/admin/conductor/runs/{run.replay_of}")
        if run.replay_of
        else Markup("")
    )
    return [
        ("Strategy", run.strategy),
        ("Policy", run.policy),
        ("Tenant", run.tenant),
        (
            "Request",
            link(run.request_id, f"/admin/requests/{run.request_id}")
            if run.request_id and view.may("viewer")
            else run.request_id or "",
        ),
        ("Asked", when(run.created_at, view.zone)),
        ("Ended", when(run.finished_at, view.zone)),
        ("Replays", origin + f" from {run.replay_from}" if run.replay_of else ""),
        (
            "Limits",
            ", ".join(
                f"{name} {value:g}"
                for name, value in run.limits.items()
                if isinstance(value, (int, float))
            ),
        ),
        ("Waits before", ", ".join(run.approval)),
        *((name, value) for name, value in run.metadata.items()),
    ]


def _waiting(view: View, run: RunDetail, step: RunStep) -> None:
    with ui.element("div").classes("line"):
        put(
            badge("waits to be allowed", "warn", dot=True)
            + tag("span", f" {step.title or step.key}")
        )

        async def approve() -> None:
            async with telling("The step goes on."):
                await view.client.runs.approve(run.id, step.key)

        async def reject() -> None:
            async with telling("The step counts as failed; the run goes on."):
                await view.client.runs.reject(run.id, step.key)

        button("Allow", approve, kind="primary")
        button("Do not allow", reject, kind="danger")


def _changes(view: View, run: RunDetail) -> None:
    async def cancel() -> None:
        if await confirmed(
            "Cancel this run?", "What it has cost stays.", "Cancel the run", danger=True
        ):
            async with telling("A worker that is at it stops within seconds."):
                await view.client.runs.cancel(run.id)

    with ui.element("div").classes("line"):
        if not run.ended:
            button("Cancel", cancel, kind="danger", icon="stop")
        elif run.steps:
            _replay(view, run)


def _replay(view: View, run: RunDetail) -> None:
    steps = {step.key: f"{step.number}. {step.title or step.kind}" for step in run.steps}
    first = ui.select(steps, label="From step", value=run.steps[0].key)
    first.props("outlined dense options-dense").style("min-width: 240px")
    instruction = (
        ui.input("Told instead (optional)").props("outlined dense").style("min-width: 260px")
    )

    async def replay() -> None:
        async with telling():
            new = await view.client.runs.replay(
                run.id, str(first.value), instruction=instruction.value or None
            )
            go(f"/admin/conductor/runs/{new.id}")

    button("Replay", replay, icon="replay")
