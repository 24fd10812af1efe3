"""Fields of one endpoint in an expert's form: where it is, and the key it wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from orchestrator.admin.pages.experts.fields import Changed, draw_field
from orchestrator.admin.pages.experts.providers import Field, Provider
from orchestrator.admin.pages.experts.secrets import set_secret
from orchestrator.admin.parts.asking import button
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.markup import tag
from orchestrator.admin.session import View

_KEY_KINDS = {"none": "No key", "stored": "A stored secret", "env": "A variable of the service"}
_EMPTY: dict[str, Any] = {
    "url": "",
    "key_kind": "none",
    "key_name": "",
    "weight": None,
    "headers": "",
}


def new_endpoint(at: int) -> dict[str, Any]:
    """Return the fields of an endpoint about which nothing is known.

    Args:
        at: Its place, from 0.
    """
    return {f"endpoints[{at}].{name}": value for name, value in _EMPTY.items()}


def draw_endpoint(
    view: View,
    provider: Provider,
    at: int,
    values: dict[str, Any],
    changed: Changed,
    secrets: list[str],
    remove: Callable[[], None] | None,
) -> dict[str, Any]:
    """Draw an endpoint.

    Args:
        view: Of whoever looks.
        provider: Of the expert.
        at: Its place, from 0.
        values: Of the form.
        changed: Is told what was typed.
        secrets: Names of stored secrets that may be chosen.
        remove: Takes the endpoint out; ``None``: it is the only one.

    Returns:
        Its controls by field.
    """
    place = f"endpoints[{at}]"
    drawn: dict[str, Any] = {}

    def add(field: Field) -> None:
        drawn[field.name] = draw_field(field, values.get(field.name), changed)

    with ui.element("fieldset").classes("endpoint"):
        if remove is not None:
            with ui.element("div").classes("line"):
                put(tag("h3", f"Endpoint {at + 1}"))
                ui.element("span").classes("push")
                button("Remove", remove, kind="quiet", icon="close")
        with ui.element("div").classes("fields"):
            for part in provider.endpoint:
                if part == "url":
                    needed = provider.name == "openai"
                    add(
                        Field(
                            f"{place}.url",
                            provider.address,
                            hint=provider.address_hint,
                            required=needed,
                        )
                    )
                else:
                    drawn |= _draw_key(view, place, values, changed, secrets)
        if provider.several:
            with (
                ui.expansion("Weight and headers").classes("more"),
                ui.element("div").classes("fields"),
            ):
                for field in _rare(place):
                    add(field)
    return drawn


def _rare(place: str) -> tuple[Field, ...]:
    return (
        Field(
            f"{place}.weight", "Weight", "number", "Share of the calls among replicas; usually 1."
        ),
        Field(
            f"{place}.headers",
            "More headers",
            "long",
            "One a line; nothing secret.",
            placeholder="x-team: search",
        ),
    )


def _draw_key(
    view: View, place: str, values: dict[str, Any], changed: Changed, secrets: list[str]
) -> dict[str, Any]:
    kind_name, name_name = f"{place}.key_kind", f"{place}.key_name"
    kind = ui.select(_KEY_KINDS, label="Its key", value=values.get(kind_name) or "none")
    kind.props("outlined dense stack-label options-dense hide-bottom-space")
    kind.props["hint"] = "A key itself is never part of an entry."
    with ui.element("div").classes("line key-name") as line:
        name = ui.input(
            "Name of the secret or variable",
            value=values.get(name_name) or "",
            autocomplete=secrets,
        )
        name.props("outlined dense stack-label hide-bottom-space spellcheck=false")
        name.on_value_change(lambda event: changed(name_name, event.value))

        async def store() -> None:
            stored = await set_secret(view)
            if stored is not None:
                kind.set_value("stored")
                name.set_value(stored)

        button(
            "Set a secret",
            store,
            icon="password",
            enabled=view.may("admin"),
            why_not="This needs the role admin.",
        )

    def chosen(value: str) -> None:
        changed(kind_name, value)
        line.set_visibility(value != "none")

    kind.on_value_change(lambda event: chosen(str(event.value)))
    line.set_visibility(kind.value != "none")
    return {kind_name: kind, name_name: name}
