"""Making a key, and showing it the only time that it can be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from nicegui import ui

from coe_client.types import CreatedKey
from orchestrator.admin.parts.asking import button, telling
from orchestrator.admin.parts.markup import draw, tag
from orchestrator.admin.parts.panels import note_box
from orchestrator.admin.parts.sources import gathered
from orchestrator.admin.session import View

_ROLES = {
    "user": "user: asks questions",
    "viewer": "viewer: also sees everything",
    "editor": "editor: also changes experts and jobs",
    "admin": "admin: also promotes routers, gives keys and money",
}
_LIFETIMES = {
    0: "never",
    1: "in a day",
    7: "in a week",
    30: "in 30 days",
    90: "in 90 days",
    365: "in a year",
}
Allowed = tuple[Sequence[str] | None, Sequence[str] | None]


async def ask(view: View, tenant: str = "") -> None:
    """Ask what the key is for, make it and show it.

    Args:
        view: Who makes it.
        tenant: Whose it is at first; empty: that of whoever looks.
    """
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        draw(tag("h2", "New key"))
        name = ui.input("Name", placeholder="What or who uses it").props(
            "outlined dense autofocus stack-label"
        )
        owner = ui.input("Tenant", value=tenant or view.me.tenant).props(
            "outlined dense stack-label"
        )
        role = ui.select(_ROLES, label="Role", value="user").props("outlined dense options-dense")
        days = ui.select(_LIFETIMES, label="Expires", value=90).props(
            "outlined dense options-dense"
        )
        budget = ui.number("Money a day, in US dollars (optional)", min=0).props("outlined dense")
        monthly = ui.number("Money a month, in US dollars (optional)", min=0).props(
            "outlined dense"
        )

        async def make() -> None:
            async with telling():
                expires = datetime.now(UTC) + timedelta(days=days.value) if days.value else None
                key = await view.client.keys.create(
                    name.value.strip(),
                    role=role.value,
                    tenant=owner.value.strip(),
                    expires_at=expires,
                )
                if budget.value is not None or monthly.value is not None:
                    await view.client.limits.set(
                        key_id=key.id, usd_per_day=budget.value, usd_per_month=monthly.value
                    )
                dialog.submit(key)

        with ui.element("div").classes("line").style("justify-content: flex-end"):
            button("Cancel", lambda: dialog.submit(None))
            button("Make the key", make, kind="primary")
    made = await dialog
    dialog.delete()
    if made is not None:
        await show(made)


async def show(key: CreatedKey) -> None:
    """Show a key, once."""
    with ui.dialog().props("persistent") as dialog, ui.card().classes("dialog"):
        draw(tag("h2", "Keep this key now"))
        draw(note_box("It is shown this once. The service remembers only its hash.", "warn"))
        draw(
            tag(
                "pre",
                key.key,
                class_="block mono",
                tabindex="0",
                id="new-key",
                aria_label="The key",
            )
        )
        with ui.element("div").classes("line").style("justify-content: flex-end"):
            copy = button("Copy", lambda: None, icon="content_copy")
            copy.on("click", js_handler=f"() => coeCopy({json.dumps(key.key)})")
            button("I have kept it", lambda: dialog.submit(None), kind="primary")
    await dialog
    dialog.delete()


async def ask_restrictions(
    view: View, title: str, experts: Sequence[str] | None, policies: Sequence[str] | None
) -> Allowed | None:
    """Ask which experts and policies may be used.

    Args:
        view: Who decides.
        title: Whose they are.
        experts: Those of now; ``None``: all.
        policies: Likewise.

    Returns:
        Both anew, ``None`` standing for all; ``None`` if it shall stay as it is.
    """
    ids = [one.expert.id for one in await gathered(view.client.experts.list())]
    router = await view.client.router.get()
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        draw(tag("h2", title))
        draw(tag("p", "Nothing chosen means: all of them.", class_="soft"))
        chosen_experts = ui.select(
            ids, label="Experts", value=list(experts or ()), multiple=True, with_input=True
        )
        chosen_policies = ui.select(
            sorted(router.policies), label="Policies", value=list(policies or ()), multiple=True
        )
        for one in (chosen_experts, chosen_policies):
            one.props("outlined dense use-chips options-dense")
        with ui.element("div").classes("line").style("justify-content: flex-end"):
            button("Cancel", lambda: dialog.submit(False))
            button("Save", lambda: dialog.submit(True), kind="primary")
    wanted = await dialog
    dialog.delete()
    return (chosen_experts.value or None, chosen_policies.value or None) if wanted else None
