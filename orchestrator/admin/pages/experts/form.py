"""The form of an expert's entry, and the same entry as text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.validation_element import ValidationElement

from coe_client import CoeError
from coe_client.errors import APIStatusError
from orchestrator.admin.pages.experts.endpoint_fields import draw_endpoint, new_endpoint
from orchestrator.admin.pages.experts.entry import (
    Entry,
    Unreadable,
    as_yaml,
    count_endpoints,
    entry_of,
    from_yaml,
    values_of,
)
from orchestrator.admin.pages.experts.fields import draw_field
from orchestrator.admin.pages.experts.problems import at_field
from orchestrator.admin.pages.experts.providers import provider_of, rest_of
from orchestrator.admin.parts.asking import button
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.panels import note_box, panel
from orchestrator.admin.session import View

Send = Callable[[Entry], Awaitable[None]]
"""Sends an entry to the API; what that refuses, the form tells where it is."""


class Form:
    """Draws an entry as a form where it is made; :meth:`buttons` draws what can be done with it.

    Args:
        view: Of whoever looks.
        entry: What the form begins with; ``provider`` is in it.
        fresh: Whether it is an expert that is not there yet.
        secrets: Names of stored secrets, as far as whoever looks may know them.
    """

    def __init__(
        self, view: View, entry: Mapping[str, Any], *, fresh: bool, secrets: list[str]
    ) -> None:
        self._view, self._base, self._fresh, self._secrets = view, dict(entry), fresh, secrets
        self._values = values_of(entry)
        self._controls: dict[str, ValidationElement[Any]] = {}
        self._text: ui.textarea | None = None
        with ui.tabs().props("dense align=left no-caps") as tabs:
            ui.tab("form", "Form")
            ui.tab("text", "YAML")
        tabs.set_value("form")
        tabs.on_value_change(lambda event: self._show(str(event.value)))
        self._tabs = tabs
        self._wrong = put(note_box("")).props('role="alert"')
        self._body = ui.element("div").classes("stack")
        self._say(None)
        self._fill_form()

    def buttons(self, save: Send, check: Send, name: str) -> None:
        """Draw the buttons below the form.

        Args:
            save: Makes it so.
            check: Only tells whether it would do.
            name: What saving is called.
        """
        may = self._view.may("editor")
        why = "This needs the role editor."
        with ui.element("div").classes("line"):
            button(
                name,
                lambda: self.send(save),
                kind="primary",
                icon="check",
                enabled=may,
                why_not=why,
            )
            button("Check", lambda: self.send(check), enabled=may, why_not=why)

    def entry(self) -> Entry:
        """Return the entry as it stands there.

        Raises:
            Unreadable: It cannot be read.
        """
        if self._text is not None:
            return from_yaml(self._text.value or "")
        return entry_of(self._base["provider"], self._values, self._base)

    def _show(self, which: str) -> None:
        """Change between form and text, with what was typed."""
        if (which == "text") == (self._text is not None):
            return
        try:
            entry = self.entry()
        except Unreadable as error:
            self._tell(error.field, error.reason)
            self._tabs.set_value("form" if which == "text" else "text")
            return
        self._say(None)
        if which == "text":
            self._fill_text(entry)
        else:
            self._base = {"provider": "openai", **entry}
            self._values = values_of(entry)
            self._fill_form()

    def _fill_text(self, entry: Entry) -> None:
        self._controls = {}
        self._body.clear()
        with self._body, panel("Entry", "As in a file of experts; JSON will do, too."):
            area = ui.textarea(value=as_yaml(entry)).classes("mono-field")
            area.props('outlined autogrow spellcheck=false aria-label="The entry as YAML"')
        self._text = area

    def _fill_form(self) -> None:
        provider = provider_of(self._base["provider"])
        self._text, self._controls = None, {}
        self._body.clear()
        with self._body:
            with panel(provider.title, provider.text), ui.element("div").classes("fields"):
                for field in provider.fields:
                    self._draw(
                        field.name, draw_field(field, self._values.get(field.name), self._set)
                    )
            if provider.endpoint:
                self._fill_endpoints()
            with (
                ui.element("section").classes("panel"),
                ui.expansion("More", caption="Rarely needed").classes("more") as more,
                ui.element("div").classes("fields"),
            ):
                for field in rest_of(provider):
                    self._draw(
                        field.name, draw_field(field, self._values.get(field.name), self._set)
                    )
            self._more = more
        if not self._fresh and "id" in self._controls:
            control = self._controls["id"]
            control.props("readonly")
            control.props["hint"] = "An id never changes."

    def _fill_endpoints(self) -> None:
        provider = provider_of(self._base["provider"])
        if not count_endpoints(self._values):
            self._values |= new_endpoint(0)
        number = count_endpoints(self._values)
        title = "Where it is" if "url" in provider.endpoint[:1] else "How it is called"
        note = "Several are replicas of each other." if provider.several else ""
        with panel(title, note):
            for at in range(number):
                remove = (lambda at=at: self._remove(at)) if number > 1 else None
                controls = draw_endpoint(
                    self._view, provider, at, self._values, self._set, self._secrets, remove
                )
                for name, control in controls.items():
                    self._draw(name, control)
            if provider.several:
                with ui.element("div").classes("line"):
                    button("Add an endpoint", self._add, icon="add", kind="quiet")

    def _draw(self, name: str, control: Any) -> None:
        if isinstance(control, ValidationElement):
            self._controls[name] = control

    def _set(self, name: str, value: Any) -> None:
        self._values[name] = value
        if name in self._controls:
            self._controls[name].error = None

    def _add(self) -> None:
        self._values |= new_endpoint(count_endpoints(self._values))
        self._fill_form()

    def _remove(self, at: int) -> None:
        """Take an endpoint out, the ones behind it moving up."""
        endpoints = list(self._base.get("endpoints") or ())
        self._base["endpoints"] = endpoints[:at] + endpoints[at + 1 :]
        last = count_endpoints(self._values) - 1
        for place in range(at, last):
            for name in new_endpoint(place):
                behind = name.replace(f"[{place}]", f"[{place + 1}]")
                self._values[name] = self._values.get(behind)
        for name in new_endpoint(last):
            self._values.pop(name, None)
        self._fill_form()

    async def send(self, send: Send) -> None:
        """Send the entry as it stands there; what is wrong with it is told where it is."""
        self._say(None)
        for control in self._controls.values():
            control.error = None
        try:
            await send(self.entry())
        except Unreadable as error:
            self._tell(error.field, error.reason)
        except APIStatusError as error:
            self._tell(*at_field(error.param, error.message))
        except CoeError as error:
            self._say(str(error))

    def _tell(self, field: str | None, reason: str) -> None:
        """Say what is wrong at the field that it is about, or above the form where there is none."""
        control = self._text or self._controls.get(field or "")
        if control is None:
            self._say(f"{field}: {reason}" if field else reason)
            return
        control.error = f"{field}: {reason}" if self._text is not None and field else reason
        if self._text is None:
            self._more.set_value(self._more.value or self._is_rare(field or ""))
        control.run_method("focus")

    def _is_rare(self, field: str) -> bool:
        return any(one.name == field for one in rest_of(provider_of(self._base["provider"])))

    def _say(self, text: str | None) -> None:
        self._wrong.set_visibility(text is not None)
        self._wrong.set_content(note_box(text or "", "bad"))
