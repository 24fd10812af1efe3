"""The playground: one message to several models, side by side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from functools import partial
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from coe_client.types import Model
from orchestrator.admin.pages.playground.copying import show_code
from orchestrator.admin.pages.playground.lane import Lane
from orchestrator.admin.pages.playground.settings import Settings
from orchestrator.admin.pages.playground.setup import MOST, USUAL, models_of, setup_of
from orchestrator.admin.pages.playground.turn import marks
from orchestrator.admin.parts.asking import button
from orchestrator.admin.parts.markup import Markup, link, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.panels import note_box
from orchestrator.admin.parts.sources import gathered
from orchestrator.admin.session import View

_SAMPLES = (
    "What is 17 * 23?",
    "Write a Python function that reverses a list.",
    "Translate 'good morning' into French.",
)
_ENTER = """(event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); emit(); }
}"""


async def draw(view: View) -> None:
    """Draw the page."""
    models = await gathered(view.client.models.list())
    if not any(one.coe.kind == "expert" for one in models):
        add: list[str | Markup] = [link("Add one", "/admin/add-expert"), "."]
        told = add if view.may("editor") else ["Whoever has the role editor can add one."]
        put(note_box(["There is no expert that could answer. ", *told], "warn"))
    asked = ui.context.client.request.query_params.getlist("model")
    Playground(view, models, asked)


class Playground:
    """Draws the page where it is made, and keeps what is on it.

    Args:
        view: Of whoever looks.
        models: What may be asked.
        asked: Ids in the page's address.
    """

    def __init__(self, view: View, models: list[Model], asked: list[str]) -> None:
        self._view, self._page = view, ui.context.client
        self._names = {one.id: _name(one) for one in models}
        self._routed = {one.id for one in models if one.coe.kind != "expert"}
        self._lanes: dict[Lane, ui.element] = {}
        self._settings = Settings(setup_of(view.query), self._remember)
        with ui.element("div").classes("line"):
            put(
                tag(
                    "p",
                    "Answers count as requests of yours, with what they cost.",
                    class_="soft small",
                )
            )
            ui.element("span").classes("push")
            self._add = button(
                "Add a model", self._beside, icon="add", why_not=f"At most {MOST} at a time"
            )
        self._row = ui.element("div").classes("lanes")
        for model in models_of(asked, self._names):
            self._lane(model)
        self._composer(view.query.get("prompt", ""))
        self._update()

    def _composer(self, prompt: str) -> None:
        with ui.element("div").classes("composer panel"):
            self._samples = ui.element("div").classes("line samples")
            with self._samples:
                put(tag("span", "Try", class_="small faint"))
                for sample in _SAMPLES:
                    button(sample, partial(self._fill, sample), kind="quiet")
            with ui.element("div").classes("compose"):
                self._field = ui.textarea(value=prompt, placeholder="Your message")
                self._field.props('outlined autogrow rows=1 aria-label="Message" autofocus')
                self._field.on("keydown", self._send, js_handler=_ENTER)
                self._go = button("Send", self._send, kind="primary", icon="send")
                self._stop = button("Stop", self._end, icon="stop")
                self._clear = button("Start over", self._forget, kind="quiet", icon="restart_alt")
            put(
                tag(
                    "p",
                    "Enter sends, Shift+Enter begins a new line.",
                    class_="small faint enter-sends",
                )
            )

    def _lane(self, model: str) -> None:
        with self._row, ui.element("section").classes("panel lane") as box:
            with ui.element("header"):
                choice = ui.select(self._names, value=model, with_input=True, label="Model").props(
                    "outlined dense options-dense"
                )
                code = button("", lambda: self._code(lane), icon="code", kind="quiet")
                code.props('aria-label="Show as code"').tooltip("Show as code")
                away = button("", lambda: self._away(lane), icon="close", kind="quiet")
                away.props('aria-label="Take this model away"').tooltip("Take this model away")
                away.classes("lane-away")
            with ui.element("div").classes("body"):
                lane = Lane(self._view, model, self._routed.__contains__, self._again)
        self._lanes[lane] = box

        def choose(value: str | None) -> None:
            if value:
                lane.model = value
                self._remember()

        choice.on_value_change(lambda event: choose(event.value))

    def _beside(self) -> None:
        taken = {lane.model for lane in self._lanes}
        wanted = ("coe-quality", "coe-economy", USUAL, *self._names)
        free = next((one for one in wanted if one in self._names and one not in taken), USUAL)
        self._lane(free)
        self._update()
        self._remember()

    def _away(self, lane: Lane) -> None:
        lane.stop()
        self._lanes.pop(lane).delete()
        self._update()
        self._remember()

    def _fill(self, text: str) -> None:
        self._field.value = text
        self._field.run_method("focus")

    async def _send(self) -> None:
        text = (self._field.value or "").strip()
        if not text or any(lane.busy for lane in self._lanes):
            return
        setup = self._settings.setup
        self._field.value = ""
        lanes = list(self._lanes)
        await self._working([lane.ask(text, setup) for lane in lanes])

    async def _again(self, lane: Lane) -> None:
        await self._working([lane.anew(self._settings.setup)])

    async def _working(self, asked: list[Coroutine[Any, Any, None]]) -> None:
        tasks = [asyncio.ensure_future(one) for one in asked]
        await asyncio.sleep(0)  # they have begun
        self._update()
        self._stop.set_visibility(True)
        self._go.disable()
        await asyncio.wait(tasks)
        if self._stop.is_deleted:
            return
        self._stop.set_visibility(False)
        self._go.enable()
        lanes = list(self._lanes)
        turns = [lane.last.turn if lane.last else None for lane in lanes]
        for lane, found in zip(lanes, marks(turns), strict=True):
            if lane.last is not None and not lane.last.turn.running:
                lane.last.mark(found)
        self._update()

    def _end(self) -> None:
        for lane in self._lanes:
            lane.stop()

    def _forget(self) -> None:
        for lane in self._lanes:
            lane.clear()
        self._update()

    def _code(self, lane: Lane) -> None:
        typed = (self._field.value or "").strip()
        more = [{"role": "user", "content": typed}] if typed else []
        messages = [*lane.history, *more] or [{"role": "user", "content": _SAMPLES[0]}]
        show_code(self._view.address, lane.model, messages, self._settings.setup)

    def _update(self) -> None:
        """Show what fits what is there."""
        number = len(self._lanes)
        begun = any(lane.history for lane in self._lanes)
        self._row.style(f"--lanes: {number}")
        self._row.classes(**({"add": "alone"} if number == 1 else {"remove": "alone"}))
        self._add.set_enabled(number < MOST)
        self._samples.set_visibility(not begun)
        self._clear.set_visibility(begun)
        if not any(lane.busy for lane in self._lanes):
            self._stop.set_visibility(False)

    def _remember(self) -> None:
        """Keep models and settings in the page's address."""
        models = [("model", lane.model) for lane in self._lanes]
        address = "?" + urlencode([*models, *self._settings.setup.parameters()])
        self._page.run_javascript(
            f"history.replaceState(null, '', location.pathname + {json.dumps(address)})"
        )


def _name(model: Model) -> str:
    kind = model.coe.kind or ""
    return model.id if kind in {"", "expert"} else f"{model.id} ({kind})"
