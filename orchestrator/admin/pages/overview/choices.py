"""What the overview is asked for: range and filters, chosen on the page and kept in its address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from nicegui import ui

from orchestrator.admin.pages.overview.breakdown import KINDS
from orchestrator.admin.pages.overview.ranges import (
    CUSTOM,
    PRESETS,
    Range,
    parameters,
    range_of,
    typed,
)
from orchestrator.admin.parts.asking import button
from orchestrator.admin.parts.choosing import Search, experts_of, searched, tenants_of
from orchestrator.admin.parts.markup import Markup, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.session import View

_SEARCHED: dict[str, Callable[[View], Search]] = {"expert": experts_of, "tenant": tenants_of}
_PRESSED = """(event) => {
  const pressed = event.target.closest("[data-range]");
  if (pressed) emit(pressed.dataset.range);
}"""
Options = dict[str, dict[str, str]]


class Choices:
    """Draws the choices where it is made.

    Args:
        view: Of whoever looks.
        changed: Is called when something else is chosen.
    """

    def __init__(self, view: View, changed: Callable[[], Awaitable[None]]) -> None:
        self._view, self._changed = view, changed
        self._asked: dict[str, str] = {
            key: view.query[key] for key in ("range", "since", "until") if key in view.query
        }
        self.filters = {key: view.query[key] for key in KINDS if key in view.query}
        self.by = view.query.get("by", "expert")
        self.by = self.by if self.by in KINDS else "expert"
        self._selects: dict[str, ui.select] = {}
        with ui.element("div").classes("line overview-choices"):
            self._segments = put(self._ranges())
            self._segments.on("click", self._pressed, js_handler=_PRESSED)
            ui.element("span").classes("push")
            for key, name in KINDS.items():
                self._selects[key] = self._filter(key, name)
        self._custom = ui.element("div").classes("line")
        self._fill_custom()

    @property
    def range(self) -> Range:
        """The range, as it is at present."""
        return range_of(self._asked, self._view.zone)

    async def show_by(self, kind: str) -> None:
        """Choose what requests are broken down by."""
        self.by = kind
        self._remember()

    def address(self) -> dict[str, str]:
        """Return the parameters of the page's address."""
        by = {} if self.by == "expert" else {"by": self.by}
        return {**parameters(self.range, self._view.zone), **self.filters, **by}

    def _ranges(self) -> Markup:
        here = CUSTOM if self._asked.get("range") == CUSTOM else self.range.key
        names = {**{key: name for key, (name, _, _) in PRESETS.items()}, CUSTOM: "Custom"}
        pressed = [
            tag(
                "button",
                name,
                type="button",
                class_="segment",
                data_range=key,
                aria_pressed="true" if key == here else "false",
            )
            for key, name in names.items()
        ]
        return tag("div", pressed, class_="segments", role="group", aria_label="Range of time")

    async def _pressed(self, event: object) -> None:
        key = str(getattr(event, "args", ""))
        now = datetime.now(UTC)
        if key == CUSTOM:
            begin = now - timedelta(days=3)
            zone = self._view.zone
            self._asked = {
                "range": CUSTOM,
                "since": typed(begin, zone),
                "until": typed(now, zone),
            }
        elif key in PRESETS:
            self._asked = {"range": key}
        await self._apply()

    async def _apply(self) -> None:
        self._segments.set_content(self._ranges())
        self._fill_custom()
        self._remember()
        await self._changed()

    def _fill_custom(self) -> None:
        self._custom.clear()
        self._custom.set_visibility(self._asked.get("range") == CUSTOM)
        if self._asked.get("range") != CUSTOM:
            return
        with self._custom:
            fields = {}
            for name, label in (("since", "From"), ("until", "To")):
                fields[name] = ui.input(label, value=self._asked.get(name, ""))
                fields[name].props("type=datetime-local outlined dense stack-label")

            async def show() -> None:
                asked = {name: field.value or "" for name, field in fields.items()}
                found = range_of({"range": CUSTOM, **asked}, self._view.zone)
                wrong = found.key != CUSTOM
                fields["until"].error = "It ends before it begins." if wrong else None
                if not wrong:
                    self._asked = {"range": CUSTOM, **asked}
                    await self._apply()

            button("Show", show, kind="primary")

    def offer(self, options: Options) -> None:
        """Tell what may be chosen.

        Args:
            options: By filter: values and how people read them.
        """
        for key, choice in self._selects.items():
            if choice.is_deleted:
                return
            chosen = self.filters.get(key)
            known = options.get(key, {})
            if chosen is not None and chosen not in known:
                known = {chosen: chosen, **known}
            choice.set_options(known, value=chosen)

    def _filter(self, key: str, name: str) -> ui.select:
        chosen = self.filters.get(key)
        known = {} if chosen is None else {chosen: chosen}
        choice = ui.select(known, label=name, value=chosen, with_input=True)
        choice.props("outlined dense clearable options-dense").classes("overview-filter")
        if key in _SEARCHED:
            searched(choice, _SEARCHED[key](self._view))

        async def choose(value: str | None) -> None:
            if value == self.filters.get(key):
                return
            self.filters.pop(key, None)
            if value is not None:
                self.filters[key] = value
            self._remember()
            await self._changed()

        choice.on_value_change(lambda event: choose(event.value))
        return choice

    def _remember(self) -> None:
        address = urlencode(self.address())
        target = f"?{address}" if address else ""
        ui.run_javascript(f"history.replaceState(null, '', location.pathname + {target!r})")


async def options(view: View) -> Options:
    """Return what may be chosen at first; of experts and tenants more is found by what is typed."""
    router = await view.client.router.get()
    return {
        "expert": dict(await experts_of(view)("")),
        "category": {"": "None: the expert was named"}
        | {one.id: one.name or one.id for one in router.categories},
        "tenant": dict(await tenants_of(view)("")),
    }
