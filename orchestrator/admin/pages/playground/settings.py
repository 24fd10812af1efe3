"""Instructions and limits that go with every message."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nicegui import ui

from orchestrator.admin.pages.playground.setup import Setup, number

_FIELDS = (
    ("temperature", "Temperature", "0 to 2; empty: the expert's own", "0.1"),
    ("max_tokens", "Tokens of the answer", "At most so many", "1"),
    ("max_cost", "Expected cost, US dollars", "Experts above it are left out", "0.0001"),
    ("max_latency", "Expected time, seconds", "Experts known to be slower are left out", "0.1"),
    ("quality_floor", "Expected quality", "0 to 1: the cheapest that reaches it answers", "0.05"),
)


class Settings:
    """Draws them, folded away, where it is made.

    Args:
        setup: What is set at first.
        changed: Called when something else is set.
    """

    def __init__(self, setup: Setup, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._numbers: dict[str, ui.number] = {}
        with (
            ui.element("section").classes("panel more-panel setup"),
            ui.expansion("Instructions and limits", icon="tune", caption=setup.told()) as box,
        ):
            box.classes("more")
            self._box = box
            with ui.element("div").classes("fields"):
                self._system = ui.textarea("System prompt", value=setup.system)
                self._system.props("outlined dense rows=3").classes("wide-field")
                self._system.on("blur", self._set)
                for name, label, hint, step in _FIELDS:
                    field = ui.number(
                        label, value=getattr(setup, name), validation=partial(_problem, name)
                    )
                    field.props(f'outlined dense clearable step={step} hint="{hint}"')
                    field.on_value_change(self._set)
                    self._numbers[name] = field
                self._cache = ui.switch("Answers may come from the cache", value=setup.cache)
                self._cache.on_value_change(self._set)

    @property
    def setup(self) -> Setup:
        """What is set at present; numbers outside their range count as not set."""
        values = {name: number(name, field.value) for name, field in self._numbers.items()}
        most = values["max_tokens"]
        return Setup(
            system=self._system.value or "",
            temperature=values["temperature"],
            max_tokens=None if most is None else int(most),
            max_cost=values["max_cost"],
            max_latency=values["max_latency"],
            quality_floor=values["quality_floor"],
            cache=bool(self._cache.value),
        )

    def _set(self) -> None:
        self._box.props["caption"] = self.setup.told()
        self._box.update()
        self._changed()


def _problem(name: str, value: float | None) -> str | None:
    wrong = value is not None and number(name, value) is None
    return "It is outside its range, so it is not sent." if wrong else None
