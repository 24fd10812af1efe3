"""One version: what it is, how it differs, and letting it decide."""

from __future__ import annotations

from nicegui import ui

from coe_client.types import RoutersCompared, RouterVersionDetail
from orchestrator.admin.pages.router.mapping import mapping_table
from orchestrator.admin.pages.router.versions import roll_back, status
from orchestrator.admin.parts.asking import button, confirmed, reload, telling
from orchestrator.admin.parts.markup import Markup, facts, link, table, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import money, share, size
from orchestrator.admin.parts.panels import grid, note_box, panel, stack
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.parts.titles import set_title
from orchestrator.admin.session import View

_FIGURES = {
    "category_accuracy": "Right category",
    "ece": "Calibration error",
    "apgr": "Quality won back from the best expert, over all costs (APGR)",
    "oracle": "Quality if every choice were the best",
    "random": "Quality of a choice by chance",
    "best_single": "Quality of the best single expert",
    "quality": "Quality",
    "cost_usd": "Cost of a request",
}
_ADMIN, _EDITOR = "This needs the role admin.", "This needs the role editor."


async def draw(view: View) -> None:
    """Draw the page."""
    version = await view.client.routers.get(view.path["version_id"])
    active = await view.client.router.get()
    set_title(version.version or version.id)
    _changes(view, version)
    if version.missing_experts:
        told = f"It cannot be promoted while these experts are missing: {', '.join(version.missing_experts)}."
        put(note_box(told, "warn"))
    with grid():
        with stack(4), panel("Version"):
            put(facts(_facts(view, version)))
        with stack(8):
            if active.id == version.id:
                put(note_box("This version decides now.", "good"))
            else:
                compared = await view.client.routers.compare(version.id, active.id)
                _compared(compared)
            if version.status == "shadow":
                await _shadow(view, version)


def _facts(view: View, version: RouterVersionDetail) -> list[tuple[str, str | Markup]]:
    address = f"/admin/router?version={version.id}"
    return [
        ("State", status(version)),
        ("Id", tag("code", version.id)),
        ("Note", version.note),
        ("Made", when(version.created_at, view.zone)),
        ("By", version.created_by or ""),
        ("Since", when(version.status_changed_at, view.zone)),
        ("Embedder", version.embedder or ""),
        ("Size", size(version.size)),
        ("Categories", link(str(len(version.categories)), f"{address}&tab=taxonomy")),
        ("More", link("mapping and budgets", address)),
    ]


def _changes(view: View, version: RouterVersionDetail) -> None:
    name = version.version or version.id

    async def promote() -> None:
        text = "It decides for all requests, on every replica within a second. The one before can be had back."
        if await confirmed(f"Promote {name}?", text, "Promote"):
            async with telling():
                await view.client.routers.promote(version.id)
                reload()

    async def retire() -> None:
        if await confirmed(f"Retire {name}?", "It is kept, and can be promoted again.", "Retire"):
            async with telling():
                await view.client.routers.retire(version.id)
                reload()

    async def shadow() -> None:
        async with telling():
            await view.client.routers.shadow(version.id, share=float(part.value) / 100)
            reload()

    async def canary() -> None:
        text = f"It decides for {part.value:g} % of the sessions and requests."
        if await confirmed(f"Let {name} decide for a share?", text, "Begin"):
            async with telling():
                await view.client.routers.canary(version.id, share=float(part.value) / 100)
                reload()

    admin, editor = view.may("admin"), view.may("editor")
    with ui.element("div").classes("line"):
        if version.status == "active":
            button("Roll back", lambda: _back(view), icon="undo", enabled=admin, why_not=_ADMIN)
            return
        button("Promote", promote, kind="primary", icon="publish", enabled=admin, why_not=_ADMIN)
        part = ui.number("Share, per cent", value=10, min=0.1, max=100).props("outlined dense")
        part.style("width: 130px")
        button("Shadow", shadow, icon="visibility", enabled=editor, why_not=_EDITOR)
        button("Canary", canary, icon="science", enabled=admin, why_not=_ADMIN)
        if version.status in {"shadow", "canary", "candidate"} and not version.built_in:
            button("Retire", retire, kind="quiet", enabled=admin, why_not=_ADMIN)


async def _back(view: View) -> None:
    await roll_back(view, None)
    reload()


def _compared(compared: RoutersCompared) -> None:
    """Draw how it differs from the version that decides."""
    with panel("Against the version that decides", "What would change with it."):
        for policy in compared.policies:
            base, own = policy.base, policy.version
            if base is None or own is None:
                continue
            quality = f"{share(base.expected_quality)} → {share(own.expected_quality)}"
            cost = f"{money(base.expected_cost_usd)} → {money(own.expected_cost_usd)}"
            told = f"quality {quality}, cost {cost} a request, {policy.moved} categories move"
            head = tag(
                "summary", tag("strong", policy.policy), " ", tag("span", told, class_="soft")
            )
            put(
                tag(
                    "details",
                    head,
                    mapping_table(policy.categories),
                    class_="fold",
                    open=bool(policy.moved),
                )
            )
        names = [one for one in (*compared.categories.added, *compared.categories.removed) if one]
        if names:
            put(tag("p", f"Categories added or gone: {', '.join(names)}"))
    if compared.figures:
        with panel("Figures of their reports", flush=True):
            rows = [
                (_named(one.name), _figure(one.name, one.base), _figure(one.name, one.version))
                for one in compared.figures
            ]
            headings = ("Figure", "Decides now", "This version")
            put(table("Figures", headings, rows, numeric=(1, 2), matrix=True))


def _named(figure: str) -> str:
    policy, _, what = figure.rpartition(": ")
    words = _FIGURES.get(what, what.replace("_", " "))
    return f"{words}, policy {policy}" if policy else words


def _figure(name: str, value: float | None) -> str:
    return money(value) if name.endswith("cost_usd") else share(value)


async def _shadow(view: View, version: RouterVersionDetail) -> None:
    with panel("As a shadow", "What it would have decided, beside what was."):
        found = await view.client.routers.comparison(version.id)
        if not found.n:
            put(empty("Nothing was asked yet", "It is asked as requests come.", "visibility"))
            return
        put(
            facts(
                [
                    ("Requests", f"{found.n:,}"),
                    ("Same category", share(found.same_category / found.n)),
                    ("Same expert", share(found.same_expert / found.n)),
                    ("Cost", f"{money(found.cost_usd)} instead of {money(found.live_cost_usd)}"),
                ]
            )
        )
