"""An answer as it comes: what cannot change any more is drawn once, so that nothing flickers and marked text stays."""

from __future__ import annotations

from nicegui import ui

from orchestrator.admin.pages.playground import turn as drawn
from orchestrator.admin.pages.playground.turn import Turn
from orchestrator.admin.parts.markdown import Growing
from orchestrator.admin.parts.markup import Markup
from orchestrator.admin.parts.markup import draw as put


class Answer:
    """The answer of a turn, drawn where this is made; its text is Markdown.

    Args:
        turn: It.
    """

    def __init__(self, turn: Turn) -> None:
        self._turn, self._text = turn, Growing()
        with ui.element("div").classes("bubble assistant"):
            self._head = put(drawn.head(turn))
            self._body = ui.element("div").classes("prose")
            with self._body:
                self._settled = ui.element("div")
                self._open = put(Markup(""))
            self._foot = put(drawn.foot(turn))

    @property
    def is_deleted(self) -> bool:
        """Whether it is not on the page any more."""
        return bool(self._body.is_deleted)

    def draw(self) -> None:
        """Draw what is new."""
        self._head.set_content(drawn.head(self._turn))
        settled, still_open = self._text.take(self._turn.text)
        if settled:
            with self._settled:
                put(settled)
        self._open.set_content(still_open)
        self._foot.set_content(drawn.foot(self._turn))
