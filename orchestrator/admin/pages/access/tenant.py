"""One tenant: its money and limits, its keys, what it may use."""

from __future__ import annotations

from nicegui import ui

from coe_client.types import TenantRecord
from orchestrator.admin.pages.access import limits, new_key
from orchestrator.admin.pages.access.budget import budget_panels
from orchestrator.admin.pages.access.keys import keys_of
from orchestrator.admin.pages.access.tenants import state
from orchestrator.admin.parts.asking import button, confirmed, reload, telling
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.markup import facts, link, tag
from orchestrator.admin.parts.panels import note_box, panel
from orchestrator.admin.parts.times import when
from orchestrator.admin.parts.titles import set_title
from orchestrator.admin.session import View

_ADMIN = "This needs the role admin."


async def draw(view: View) -> None:
    """Draw the page."""
    tenant = await view.client.tenants.get(view.path["tenant"])
    set_title(tenant.name or tenant.id)
    if tenant.suspended_at:
        put(note_box("None of its keys works: the tenant is suspended.", "warn"))
    _changes(view, tenant)
    with panel("Tenant"):
        experts = ", ".join(tenant.experts) if tenant.experts is not None else "all"
        policies = ", ".join(tenant.policies) if tenant.policies is not None else "all"
        put(
            facts(
                [
                    ("Id", tag("code", tenant.id)),
                    ("State", state(tenant)),
                    ("Experts that may answer", experts),
                    ("Policies that may be asked for", policies),
                    ("Last used", when(tenant.last_used_at, view.zone)),
                    ("Made", when(tenant.created_at, view.zone)),
                    (
                        "Requests",
                        link("those of this tenant", f"/admin/requests?tenant={tenant.id}"),
                    ),
                ]
            )
        )
    await budget_panels(view, tenant=tenant.id)
    if view.may("admin"):
        put(tag("h2", "Keys")).classes("heading")
        await keys_of(view, {}, tenant.id).show()


def _changes(view: View, tenant: TenantRecord) -> None:
    may = view.may("admin")

    async def make_key() -> None:
        await new_key.ask(view, tenant.id)
        reload()

    async def set_limits() -> None:
        if await limits.ask(view, f"Limits of the tenant '{tenant.id}'", tenant=tenant.id):
            reload()

    async def restrict() -> None:
        title = f"What '{tenant.id}' may use"
        chosen = await new_key.ask_restrictions(view, title, tenant.experts, tenant.policies)
        if chosen is not None:
            async with telling():
                await view.client.tenants.put(tenant.id, experts=chosen[0], policies=chosen[1])
                reload()

    async def suspend() -> None:
        on = tenant.suspended_at is None
        text = (
            "All its keys are refused within a second."
            if on
            else "Its keys work again within a second."
        )
        name = "Suspend" if on else "Let it in again"
        if await confirmed(f"{name}: '{tenant.id}'?", text, name, danger=on):
            async with telling():
                await view.client.tenants.put(tenant.id, suspended=on)
                reload()

    with ui.element("div").classes("line"):
        button("New key", make_key, kind="primary", icon="add", enabled=may, why_not=_ADMIN)
        button("Limits and budgets", set_limits, icon="speed", enabled=may, why_not=_ADMIN)
        button("Restrict", restrict, icon="rule", enabled=may, why_not=_ADMIN)
        name = "Let it in again" if tenant.suspended_at else "Suspend"
        button(
            name,
            suspend,
            kind="plain" if tenant.suspended_at else "danger",
            enabled=may,
            why_not=_ADMIN,
        )
