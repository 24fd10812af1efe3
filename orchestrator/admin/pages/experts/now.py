"""How an expert is at the moment: figures, endpoints, price, memory, what the router makes of it."""

from __future__ import annotations

from datetime import datetime

from coe_client.types import ExpertFigures, ExpertRecord
from orchestrator.admin.pages.experts.health import breaker
from orchestrator.admin.pages.experts.memory import draw_memory
from orchestrator.admin.pages.experts.providers import provider_of
from orchestrator.admin.pages.experts.telling import about, figures, prices, routed
from orchestrator.admin.parts.asking import button, reload, telling
from orchestrator.admin.parts.markup import Markup, facts, link, table, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count
from orchestrator.admin.parts.panels import actions, grid, panel, stack, tiles
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View


async def draw(view: View, record: ExpertRecord, known: ExpertFigures) -> None:
    """Draw the tab.

    Args:
        view: Of whoever looks.
        record: The version in force.
        known: How the expert is, and what it did lately.
    """
    tiles(*figures(known))
    router = await view.client.router.get()
    scores = await view.client.feedback.scores() if view.may("editor") else None
    own = [one for one in scores.data if one.expert == known.id] if scores else []
    with grid():
        with stack(7):
            _endpoints(view, known)
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


def _endpoints(view: View, known: ExpertFigures) -> None:
    with panel("Endpoints", "As the replica that answers this page knows them."):
        rows = [
            (
                tag("code", one.endpoint),
                tag("div", breaker(one.breaker), _why(view, one.reason, one.until)),
                count(one.outstanding),
            )
            for one in known.endpoints
        ]
        headings = ("Endpoint", "State", "Calls under way")
        put(tag("div", table("Endpoints", headings, rows, numeric=(2,)), class_="inset"))
        failed = known.last_error
        if failed is not None:
            asked = link("its request", f"/admin/requests/{failed.request_id}")
            told = ["Last failed ", when(failed.at, view.zone), " with ", tag("code", failed.code)]
            put(tag("p", told, ": ", asked, ".", class_="small soft"))
        if any(one.breaker != "closed" for one in known.endpoints):

            async def reset() -> None:
                async with telling():
                    await view.client.breakers.reset(known.id)
                    reload()

            with actions():
                button(
                    "Let it take calls again",
                    reset,
                    icon="restart_alt",
                    enabled=view.may("editor"),
                    why_not="This needs the role editor.",
                )


def _why(view: View, reason: str | None, until: datetime | None) -> Markup:
    if reason is None:
        return Markup("")
    return tag("span", tag("code", reason), ", tried again ", when(until, view.zone), class_="sub")


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
        by = f" by {record.updated_by}" if record.updated_by else ""
        put(tag("p", changed, by, class_="small soft"))
