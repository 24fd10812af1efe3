"""Secrets: stored by name, never shown again."""

from __future__ import annotations

from nicegui import ui

from coe_client.types import SecretRecord
from orchestrator.admin.parts.asking import button, confirmed, telling
from orchestrator.admin.parts.listing import Column, Listing, act
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.markup import tag
from orchestrator.admin.parts.panels import actions
from orchestrator.admin.parts.sources import gathered, whole
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View


async def draw(view: View) -> None:
    """Draw the page."""

    async def add() -> None:
        if await set_secret(view):
            await listing.refresh()

    async def pressed(data: dict[str, str]) -> None:
        name = data["name"]
        if data["act"] == "replace":
            if await set_secret(view, name):
                await listing.refresh()
            return
        text = (
            "Experts that refer to it cannot be called any more. Its value cannot be brought back."
        )
        if await confirmed(f"Forget '{name}'?", text, "Forget it", danger=True, type_out=name):
            async with telling(f"'{name}' is forgotten."):
                await view.client.secrets.delete(name)
            await listing.refresh()

    with actions(
        "Keys of vendors that experts are called with. They are kept encrypted, and nobody is ever shown "
        "their values again; an expert's endpoint names the one it needs."
    ):
        button("Set a secret", add, kind="primary", icon="add")
    columns = (
        Column[SecretRecord](
            "Name",
            lambda row: tag("code", row.name, class_="strong"),
            sort="name",
            value=lambda row: row.name,
        ),
        Column[SecretRecord](
            "Set",
            lambda row: when(row.updated_at, view.zone),
            sort="updated",
            value=lambda row: str(row.updated_at or ""),
        ),
        Column[SecretRecord](
            "",
            lambda row: (
                act(f"Replace {row.name}", "replace", "edit", name=row.name)
                + act(f"Forget {row.name}", "forget", "delete", name=row.name)
            ),
            numeric=True,
        ),
    )
    listing = Listing(
        "secrets",
        columns,
        whole(
            lambda: gathered(view.client.secrets.list()),
            text=lambda row: row.name,
            values={"name": lambda row: row.name, "updated": lambda row: row.updated_at},
        ),
        start=view.query,
        searchable="Search secrets",
        act=pressed,
        sort="name",
        nothing=empty(
            "No secret is stored",
            "Set one, and name it in an expert's endpoint. Keys can also stay in the service's environment.",
            "password",
        ),
    )
    await listing.show()


async def set_secret(view: View, name: str = "") -> str | None:
    """Ask for a secret and store it.

    Args:
        view: Of whoever looks.
        name: The one that is replaced; empty: the name is asked for, too.

    Returns:
        The name it is stored under, ``None`` if nothing was stored.
    """
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        put(tag("h2", f"Replace '{name}'" if name else "Set a secret"))
        put(
            tag(
                "p",
                "It is stored encrypted. It is never shown again, here or elsewhere.",
                class_="soft",
            )
        )
        named = ui.input("Name of the secret", value=name, placeholder="openai-key")
        named.props("outlined dense stack-label autocomplete=off spellcheck=false")
        named.props["hint"] = "Lower-case letters, digits, '.', '_' and '-'."
        named.set_enabled(not name)
        value = ui.input("Value", password=True, password_toggle_button=True)
        value.props("outlined dense stack-label autocomplete=new-password hide-bottom-space")

        async def store() -> None:
            chosen = (named.value or "").strip()
            named.error = None if chosen else "Give it a name."
            value.error = None if value.value else "There is nothing to store."
            if not chosen or not value.value:
                return
            async with telling(f"'{chosen}' is stored, on every replica within seconds."):
                await view.client.secrets.set(chosen, value.value)
                dialog.submit(chosen)

        with ui.element("div").classes("line").style("justify-content: flex-end"):
            button("Cancel", lambda: dialog.submit(None))
            button("Store", store, kind="primary")
    stored = await dialog
    value.value = ""
    dialog.delete()
    return stored if isinstance(stored, str) else None
