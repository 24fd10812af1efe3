"""Fields of an expert's form, drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.validation_element import ValidationElement

from orchestrator.admin.pages.experts.providers import Field

Changed = Callable[[str, Any], None]
"""Is told a field's name and its new value."""


def draw_field(field: Field, value: Any, changed: Changed) -> ValidationElement[Any] | ui.switch:
    """Draw a field.

    Args:
        field: What it is.
        value: What it holds.
        changed: Is told what it holds afterwards.
    """
    label = f"{field.label} *" if field.required else field.label
    control = _control(field, label, value)
    control.on_value_change(lambda event: changed(field.name, event.value))
    if isinstance(control, ui.switch):
        return control
    control.props("outlined dense stack-label hide-bottom-space")
    if field.hint:
        control.props["hint"] = field.hint
    if field.required:
        control.props["aria-required"] = "true"
    return control


def _control(field: Field, label: str, value: Any) -> ValidationElement[Any] | ui.switch:
    match field.kind:
        case "switch":
            return ui.switch(label, value=bool(value)).classes("wide-field")
        case "number":
            number = ui.number(label, value=value, placeholder=field.placeholder or "not set")
            return number.props("step=any")
        case "long" | "code":
            area = ui.textarea(label, value=value or "", placeholder=field.placeholder)
            area.props("autogrow").classes("wide-field")
            return area.classes("mono-field") if field.kind == "code" else area
        case "choice":
            choice = ui.select(
                dict(field.options), label=label, value=list(value or ()), multiple=True
            )
            return choice.props("use-chips options-dense")
        case _:
            text = ui.input(label, value=value or "", placeholder=field.placeholder)
            return text.props("autocomplete=off spellcheck=false")
