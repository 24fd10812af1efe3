"""Cache: which tenants have kept answers, how much is kept, and letting it go."""

from __future__ import annotations

from nicegui import ui

from coe_client.types import CacheChoice
from orchestrator.admin.parts import panels
from orchestrator.admin.parts.asking import button, telling
from orchestrator.admin.parts.listing import Column, Listing, act
from orchestrator.admin.parts.markup import Markup, badge, draw, link, tag
from orchestrator.admin.parts.numbers import count, share, size, span
from orchestrator.admin.parts.sources import gathered, whole
from orchestrator.admin.session import View

_MODES = {
    "off": "Off",
    "asked": "For requests that ask for it",
    "on": "For all requests that do not refuse it",
}
_EXPLAINED = (
    "An answer is kept for its own tenant only, under everything that could change it: the expert's version, "
    "the messages, tools, format and parameters. Answers to requests that are only alike are used where a "
    "tenant has turned that on, with the share of wrong ones that it puts up with."
)


async def draw_page(view: View) -> None:
    """Draw the page."""
    with panels.actions(_EXPLAINED):
        button(
            "Another tenant",
            lambda: _look_up(view, listing),
            icon="add",
            enabled=view.may("admin"),
            why_not="This needs the role admin.",
        )

    async def pressed(data: dict[str, str]) -> None:
        if data["act"] == "change":
            await _change(view, await view.client.cache.get(data["tenant"]), listing)
        elif data["act"] == "purge":
            await _purge(view, data["tenant"], listing)

    def actions(row: CacheChoice) -> Markup:
        change = act(f"Change {row.tenant}", "change", "tune", tenant=row.tenant)
        purge = act(
            f"Let go what is kept for {row.tenant}", "purge", "delete_sweep", tenant=row.tenant
        )
        return (change if view.may("admin") else Markup("")) + (
            purge if view.may("editor") else Markup("")
        )

    columns = (
        Column[CacheChoice](
            "Tenant",
            lambda row: link(row.tenant, f"/admin/tenants/{row.tenant}", "row-link"),
            sort="tenant",
            value=lambda row: row.tenant,
        ),
        Column[CacheChoice]("Answers are kept", _mode, value=lambda row: row.mode),
        Column[CacheChoice](
            "For", lambda row: span(row.seconds), numeric=True, value=lambda row: row.seconds
        ),
        Column[CacheChoice]("Alike requests", _similar, value=lambda row: row.similar),
        Column[CacheChoice](
            "Kept now",
            lambda row: "–" if row.entries is None else count(row.entries),
            sort="entries",
            numeric=True,
            value=lambda row: row.entries,
        ),
        Column[CacheChoice](
            "Size",
            lambda row: size(row.bytes),
            sort="bytes",
            numeric=True,
            value=lambda row: row.bytes,
        ),
        Column[CacheChoice]("", actions, numeric=True),
    )
    listing = Listing(
        "tenants with caches",
        columns,
        whole(
            lambda: _choices(view),
            text=lambda row: row.tenant,
            values={
                "tenant": lambda row: row.tenant,
                "entries": lambda row: row.entries,
                "bytes": lambda row: row.bytes,
            },
        ),
        start=view.query,
        searchable="Search tenants",
        act=pressed,
        sort="tenant",
    )
    await listing.show()


async def _choices(view: View) -> list[CacheChoice]:
    """Return what tenants have, that of whoever looks among them."""
    set_apart = await gathered(view.client.cache.list())
    if any(one.tenant == view.me.tenant for one in set_apart):
        return set_apart
    return [await view.client.cache.get(view.me.tenant), *set_apart]


def _mode(row: CacheChoice) -> Markup:
    usual = tag("span", "as usual", class_="sub") if row.usual else Markup("")
    return badge(row.mode, {"on": "good", "asked": "info"}.get(row.mode, ""), dot=True) + usual


def _similar(row: CacheChoice) -> Markup:
    if not row.similar:
        return badge("not used")
    return badge("used", "good", dot=True) + tag(
        "span", f"at most {share(row.wrong)} wrong", class_="sub"
    )


async def _look_up(view: View, listing: Listing[CacheChoice]) -> None:
    """Ask for a tenant that has nothing of its own yet, and then how its answers shall be kept."""
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        draw(tag("h2", "Whose answers?"))
        typed = ui.input("Tenant", placeholder="Its id").props(
            "outlined dense autofocus stack-label"
        )
        typed.on("keydown.enter", lambda: dialog.submit(True))
        with ui.element("div").classes("line").style("justify-content: flex-end"):
            button("Cancel", lambda: dialog.submit(False))
            button("Go on", lambda: dialog.submit(True), kind="primary")
    wanted, tenant = await dialog, typed.value.strip()
    dialog.delete()
    if wanted and tenant:
        async with telling():
            await _change(view, await view.client.cache.get(tenant), listing)


async def _purge(view: View, tenant: str, listing: Listing[CacheChoice]) -> None:
    """Ask which kept answers shall go, and let them go."""
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        draw(tag("h2", f"Let go answers kept for {tenant}"))
        draw(
            tag(
                "p",
                "Those for which all of this holds; with nothing filled in, all of them.",
                class_="soft",
            )
        )
        fields = {
            name: ui.input(label).props("outlined dense")
            for name, label in (
                ("expert", "Answered by the expert"),
                ("version", "In its version"),
                ("category", "In the category"),
                ("key", "Under the key (x-coe-cache-key)"),
            )
        }
        with ui.element("div").classes("line").style("justify-content: flex-end"):
            button("Cancel", lambda: dialog.submit(False))
            button("Let them go", lambda: dialog.submit(True), kind="danger-fill")
    wanted = await dialog
    given = {name: field.value.strip() for name, field in fields.items() if field.value.strip()}
    dialog.delete()
    if not wanted:
        return
    async with telling():
        version = int(given["version"]) if given.get("version", "").isdigit() else None
        gone = await view.client.cache.purge(
            tenant,
            key=given.get("key"),
            expert=given.get("expert"),
            version=version,
            category=given.get("category"),
            everything=not given,
        )
        ui.notify(f"{gone.removed:,} answers are gone.", type="positive")
    await listing.refresh()


async def _change(view: View, now: CacheChoice, listing: Listing[CacheChoice]) -> None:
    """Ask how a tenant's answers shall be kept."""
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        draw(tag("h2", f"Kept answers of {now.tenant}"))
        mode = ui.select(_MODES, label="Answers are kept", value=now.mode).props("outlined dense")
        kept = ui.number("Seconds that an answer is kept", value=now.seconds, min=1).props(
            "outlined dense"
        )
        sampled = ui.checkbox(
            "Also those that might come out otherwise each time", value=now.sampled
        )
        similar = ui.checkbox("Answer requests that are only alike", value=now.similar)
        wrong = ui.number(
            "Wrong ones put up with, per cent", value=100 * now.wrong, min=0.1, max=20
        )
        wrong.props("outlined dense").bind_visibility_from(similar, "value")

        async def save() -> None:
            async with telling("Changed, on every replica within a second."):
                await view.client.cache.set(
                    now.tenant,
                    mode=mode.value,
                    seconds=kept.value,
                    sampled=sampled.value,
                    similar=similar.value,
                    wrong=wrong.value / 100 if similar.value else None,
                )
                dialog.close()

        async def usual() -> None:
            async with telling("The tenant has what is usual again."):
                await view.client.cache.reset(now.tenant)
                dialog.close()

        with ui.element("div").classes("line"):
            if not now.usual:
                button("As usual", usual, kind="quiet")
            ui.element("span").classes("push")
            button("Cancel", dialog.close)
            button("Save", save, kind="primary")
    await dialog
    dialog.delete()
    await listing.refresh()
