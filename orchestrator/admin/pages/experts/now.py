"""How an expert is at the moment: figures, endpoints, price, memory, what the router makes of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from nicegui import ui

from coe_client import CoeError
from coe_client.types import ExpertFigures, ExpertRecord
from orchestrator.admin.pages.experts.health import breaker
from orchestrator.admin.pages.experts.memory import draw_memory
from orchestrator.admin.pages.experts.providers import provider_of
from orchestrator.admin.pages.experts.telling import about, figures, prices, routed, who
from orchestrator.admin.parts.asking import button, telling
from orchestrator.admin.parts.live import keep_fresh, replace
from orchestrator.admin.parts.markup import Markup, facts, link, table, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count
from orchestrator.admin.parts.panels import grid, panel, stack
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View

Shown = Callable[[ExpertFigures], None]
"""Shows a part anew."""
_EVERY = 5.0
"""Seconds between two looks while the page is seen."""


async def draw(view: View, record: ExpertRecord, known: ExpertFigures, above: Shown) -> None:
    """Draw the tab.

    Args:
        view: Of whoever looks.
        record: The version in force.
        known: How the expert is, and what it did lately.
        above: Shows the same above the tabs.
    """
    board = put(Markup("")).classes("live")
    router = await view.client.router.get()
    scores = await view.client.feedback.scores()
    own = [one for one in scores.data if one.expert == known.id]
    with grid():
        with stack(7):
            endpoints = _endpoints(view, known.id)
            if known.residency is not None:
                await draw_memory(view, known.id)
            with panel("What the router sends it", "By policy: the categories it is best for."):
                put(_routed(routed(router, known.id)))
            if own:
                with panel("How good it was", "Judged by feedback and evaluations, by category."):
                    rows = [
                        (
                            one.category,
                            f"{one.mean:.2f} ± {1.96 * one.se:.2f}",
                            count(one.n),
                            one.source,
                        )
                        for one in sorted(own, key=lambda one: -one.n)[:50]
                    ]
                    headings = ("Category", "Score", "Judged", "By")
                    put(tag("div", table("Scores", headings, rows, numeric=(1, 2)), class_="inset"))
        with stack(5):
            _entry(view, record)

    def shown(known: ExpertFigures) -> None:
        above(known)
        replace(board, tag("div", figures(known), class_="tiles"))
        endpoints(known)

    async def look() -> None:
        with suppress(CoeError):  # what is there stays; the next look is soon
            shown(await view.client.overview.expert(known.id))

    shown(known)
    keep_fresh(look, _EVERY)


def _endpoints(view: View, expert_id: str) -> Shown:
    with panel("Endpoints", "As the replica that answers this page knows them."):
        listed = put(Markup("")).classes("live inset")

        async def reset() -> None:
            async with telling("Its endpoints take calls again, on every replica."):
                await view.client.breakers.reset(expert_id)
                shown(await view.client.overview.expert(expert_id))

        with ui.element("div").classes("line") as line:
            button(
                "Let it take calls again",
                reset,
                icon="restart_alt",
                enabled=view.may("editor"),
                why_not="This needs the role editor.",
            )

    def shown(known: ExpertFigures) -> None:
        replace(listed, _listed(view, known))
        line.set_visibility(any(one.breaker != "closed" for one in known.endpoints))

    return shown


def _listed(view: View, known: ExpertFigures) -> Markup:
    rows = [
        (
            tag("code", one.endpoint),
            tag("div", breaker(one.breaker), _why(view, one.reason, one.until)),
            count(one.outstanding),
        )
        for one in known.endpoints
    ]
    headings = ("Endpoint", "State", "Calls under way")
    drawn = table("Endpoints", headings, rows, numeric=(2,))
    failed = known.last_error
    if failed is None:
        return drawn
    asked = link("its request", f"/admin/requests/{failed.request_id}")
    told = ["Last failed ", when(failed.at, view.zone), " with ", tag("code", failed.code)]
    return drawn + tag("p", told, ": ", asked, ".", class_="small soft")


def _why(view: View, reason: str | None, until: datetime | None) -> Markup:
    if reason is None:
        return Markup("")
    waits = until is not None and until > datetime.now(UTC)
    then = ["tried again ", when(until, view.zone)] if waits else "the next call tries it again"
    return tag("span", tag("code", reason), ", ", then, class_="sub")


def _routed(found: list[tuple[str, list[str]]]) -> Markup:
    if not found:
        text = "Nothing: no policy prefers it in any category. Requests can still name it."
        return tag("p", text, class_="soft")
    return facts((policy, ", ".join(categories)) for policy, categories in found)


def _entry(view: View, record: ExpertRecord) -> None:
    expert = record.expert
    with panel(provider_of(expert.provider).title):
        put(facts(about(expert)))
        put(tag("h3", "Price"))
        told = prices(expert)
        put(
            facts(told)
            if told
            else tag("p", "It has none, so that its requests seem to cost nothing.", class_="soft")
        )
        changed = [
            "Version ",
            str(record.version),
            ", changed ",
            when(record.updated_at, view.zone),
        ]
        by = [" by ", who(record.updated_by)] if record.updated_by else None
        put(tag("p", changed, by, class_="small soft"))
