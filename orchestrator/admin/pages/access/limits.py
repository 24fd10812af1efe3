"""What a tenant or key may use: asked for, and set."""

from __future__ import annotations

from nicegui import ui

from coe_client.errors import NotFoundError
from coe_client.types import LimitsRecord
from orchestrator.admin.parts.asking import button, telling
from orchestrator.admin.parts.markup import draw, tag
from orchestrator.admin.session import View

FIELDS = {
    "requests_per_minute": "Requests a minute",
    "tokens_per_minute": "Tokens a minute",
    "concurrent_requests": "Requests at once",
    "usd_per_day": "US dollars a day (UTC)",
    "usd_per_month": "US dollars a month (UTC)",
}


async def of(
    view: View, *, tenant: str | None = None, key_id: str | None = None
) -> LimitsRecord | None:
    """Return the limits of a tenant or key; ``None``: there are none."""
    try:
        return await view.client.limits.get(tenant=tenant, key_id=key_id)
    except NotFoundError:
        return None


async def ask(
    view: View, title: str, *, tenant: str | None = None, key_id: str | None = None
) -> bool:
    """Ask for the limits of a tenant or key and set them.

    Args:
        view: Who decides.
        title: Whose they are.
        tenant: The tenant; or
        key_id: the key.

    Returns:
        Whether they were changed.
    """
    now = await of(view, tenant=tenant, key_id=key_id)
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        draw(tag("h2", title))
        draw(
            tag(
                "p",
                "What is left empty is not limited. They hold over all replicas together.",
                class_="soft",
            )
        )
        fields = {
            name: ui.number(label, value=getattr(now, name, None), min=0).props(
                "outlined dense clearable"
            )
            for name, label in FIELDS.items()
        }

        async def save() -> None:
            async with telling("In force within a second, everywhere."):
                given = {
                    name: field.value for name, field in fields.items() if field.value is not None
                }
                if given:
                    whole = {
                        name: value if name.startswith("usd") else int(value)
                        for name, value in given.items()
                    }
                    await view.client.limits.set(tenant=tenant, key_id=key_id, **whole)
                elif now is not None:
                    await view.client.limits.remove(tenant=tenant, key_id=key_id)
                dialog.submit(True)

        with ui.element("div").classes("line").style("justify-content: flex-end"):
            button("Cancel", lambda: dialog.submit(False))
            may = view.may("admin")
            button("Save", save, kind="primary", enabled=may, why_not="This needs the role admin.")
    changed = await dialog
    dialog.delete()
    return changed is True
