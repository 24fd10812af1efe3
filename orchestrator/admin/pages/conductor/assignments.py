"""Which requests that name no strategy get one all the same."""

from __future__ import annotations

from nicegui import ui

from coe_client.types import Assignment
from orchestrator.admin.parts.asking import button, confirmed, telling
from orchestrator.admin.parts.listing import Column, Listing, act
from orchestrator.admin.parts.markup import Markup
from orchestrator.admin.parts.panels import lead, panel
from orchestrator.admin.parts.sources import gathered, whole
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View

_ANY = {"*": "any"}


async def draw(view: View) -> None:
    """Draw the list, and a form for one more."""
    lead(
        "A request that names no strategy goes to one expert, unless its category, policy or tenant has a "
        "strategy assigned here. The most particular assignment counts."
    )

    async def pressed(data: dict[str, str]) -> None:
        text = "Such requests go to one expert again, on every replica within a second."
        if await confirmed("Take this assignment back?", text, "Take it back", danger=True):
            async with telling("Taken back."):
                await view.client.strategies.unassign(data["id"])
            await listing.refresh()

    def remove(row: Assignment) -> Markup:
        return act("Take back", "remove", "delete", id=row.id) if view.may("editor") else Markup("")

    columns = (
        Column[Assignment](
            "Category",
            lambda row: _ANY.get(row.category, row.category),
            sort="category",
            value=lambda row: row.category,
        ),
        Column[Assignment](
            "Policy", lambda row: _ANY.get(row.policy, row.policy), value=lambda row: row.policy
        ),
        Column[Assignment](
            "Tenant", lambda row: _ANY.get(row.tenant, row.tenant), value=lambda row: row.tenant
        ),
        Column[Assignment]("Strategy", lambda row: row.strategy, value=lambda row: row.strategy),
        Column[Assignment](
            "By", lambda row: row.updated_by, value=lambda row: row.updated_by, wide_only=True
        ),
        Column[Assignment]("Since", lambda row: when(row.updated_at, view.zone)),
        Column[Assignment]("", remove, numeric=True),
    )
    listing = Listing(
        "assignments",
        columns,
        whole(
            lambda: gathered(view.client.strategies.assignments()),
            text=lambda row: f"{row.category} {row.policy} {row.tenant} {row.strategy}",
            values={"category": lambda row: row.category},
        ),
        start=view.query,
        searchable="Search assignments",
        act=pressed,
        nothing=empty(
            "Nothing is assigned",
            "Every request that names no strategy goes to one expert.",
            "route",
        ),
    )
    if view.may("editor"):
        await _form(view, listing)
    await listing.show()


async def _form(view: View, listing: Listing[Assignment]) -> None:
    names = [one.name for one in await view.client.strategies.list()]
    router = await view.client.router.get()
    categories = {"": "any", **{one.id: one.name or one.id for one in router.categories}}
    policies = {"": "any", **{name: name for name in router.policies}}
    with panel("Assign a strategy"), ui.element("div").classes("line"):
        strategy = ui.select(names, label="Strategy", value=names[0])
        category = ui.select(categories, label="Category", value="")
        policy = ui.select(policies, label="Policy", value="")
        for one in (strategy, category, policy):
            one.props("outlined dense options-dense").style("min-width: 170px")
        tenant = ui.input("Tenant", placeholder="any").props("outlined dense stack-label")

        async def assign() -> None:
            async with telling("Assigned, on every replica within a second."):
                await view.client.strategies.assign(
                    strategy.value,
                    category=category.value or None,
                    policy=policy.value or None,
                    tenant=tenant.value.strip() or None,
                )
            await listing.refresh()

        button("Assign", assign, kind="primary")
