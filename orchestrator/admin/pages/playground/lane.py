"""One model of the playground: its conversation, streamed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nicegui import background_tasks, ui
from nicegui.events import GenericEventArguments

from coe_client import CoeError
from orchestrator.admin.pages.playground import turn as drawn
from orchestrator.admin.pages.playground.answer import Answer
from orchestrator.admin.pages.playground.setup import Setup
from orchestrator.admin.pages.playground.turn import Turn
from orchestrator.admin.parts.asking import telling
from orchestrator.admin.parts.markup import Markup
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.session import View

_NOT_OFTENER = 0.15
"""Seconds between two drawings of an answer that comes."""
_ACTS = """(event) => {
  const pressed = event.target.closest("[data-act]");
  if (pressed) emit({...pressed.dataset});
}"""


class Shown:
    """A turn on the page: what of it is drawn anew, each apart, so that what is open stays open."""

    def __init__(self, turn: Turn, *, linked: bool) -> None:
        self.turn = turn
        self._linked = linked
        self.box = ui.element("div").classes("turn")
        with self.box:
            put(drawn.question(turn))
            self.steps = put(Markup(""))
            self.live = ui.element("div").props('aria-live="polite" aria-busy="true"')
            with self.live:
                self.answer = Answer(turn)
            self.figures = put(Markup(""))
            self.why = put(Markup(""))
        self._told: object = None
        self._next = 0.0
        self._steps: object = None

    def draw(self, *, now: bool = False) -> None:
        """Draw what is new; not too often, unless it is the end."""
        moment = time.monotonic()
        if (not now and moment < self._next) or self.answer.is_deleted:
            return
        self.answer.draw()
        # The same process serves requests: what takes long is drawn less often.
        self._next = moment + max(_NOT_OFTENER, 10 * (time.monotonic() - moment))
        steps = [(one.key, one.status, len(one.output)) for one in self.turn.steps.values()]
        if steps != self._steps or (now and steps):
            self._steps = steps
            self.steps.set_content(drawn.steps(self.turn))
        told = (self.turn.decision, self.turn.expert)
        if told != self._told:
            self._told = told
            self.why.set_content(drawn.why(self.turn, linked=self._linked))
        if now and not self.turn.running:
            self.live.props('aria-busy="false"')

    def mark(self, marks: Sequence[str] = ()) -> None:
        """Draw what it took, and what it is among those beside it."""
        if not self.figures.is_deleted:
            self.figures.set_content(drawn.figures(self.turn, marks, linked=self._linked))


class Lane:
    """A model and its conversation; drawn where it is made.

    Args:
        view: Of whoever looks.
        model: Asked at first.
        routed: Whether a model is one for which the router decides.
        again: Called when an answer shall be made anew.
    """

    def __init__(
        self,
        view: View,
        model: str,
        routed: Callable[[str], bool],
        again: Callable[[Lane], Awaitable[None]],
    ) -> None:
        self.model = model
        self.history: list[dict[str, Any]] = []
        self.last: Shown | None = None
        self._view, self._routed, self._again = view, routed, again
        self._task: asyncio.Task[None] | None = None
        self._said = ui.element("div").classes("said lane-said")
        ui.context.client.on_delete(self.stop)

    @property
    def busy(self) -> bool:
        """Whether an answer is on its way."""
        return self._task is not None and not self._task.done()

    def clear(self) -> None:
        """Forget the conversation."""
        self.stop()
        self.history, self.last = [], None
        self._said.clear()

    def stop(self) -> None:
        """Stop the answer that is on its way; the service stops working on it, too."""
        if self._task is not None:
            self._task.cancel()

    async def ask(self, text: str, setup: Setup) -> None:
        """Ask, and draw what comes as it comes; returns when it has ended."""
        self.history.append({"role": "user", "content": text})
        await self._send(text, setup)

    async def anew(self, setup: Setup) -> None:
        """Ask for the last answer once more, in place of the one there is."""
        while self.history and self.history[-1]["role"] != "user":
            self.history.pop()
        if not self.history or self.busy:
            return
        if self.last is not None:
            self.last.box.delete()
        await self._send(self.history[-1]["content"], setup)

    async def _send(self, text: str, setup: Setup) -> None:
        with self._said:
            shown = self.last = Shown(Turn(text), linked=self._view.may("viewer"))
        shown.figures.on("click", lambda event: self._pressed(shown, event), js_handler=_ACTS)
        messages = setup.messages(self.history)
        self._task = background_tasks.create(
            self._stream(shown, messages, setup), name="playground"
        )
        await asyncio.wait([self._task])
        if shown.turn.text:
            self.history.append({"role": "assistant", "content": shown.turn.text})

    async def _stream(self, shown: Shown, messages: list[dict[str, Any]], setup: Setup) -> None:
        turn, begun = shown.turn, time.monotonic()
        ahead = (
            background_tasks.create(self._foresee(shown, messages, setup), name="route")
            if self._routed(self.model)
            else None
        )
        options = setup.options()
        options["coe"] = {**options.get("coe", {}), "events": True}
        options["stream_options"] = {"include_usage": True}
        try:
            async with await self._view.client.chat.create(
                messages, model=self.model, stream=True, explain=True, **options
            ) as stream:
                turn.request_id, turn.expert = stream.route.request_id, stream.route.expert
                async for chunk in stream:
                    turn.take(chunk)
                    if turn.text and turn.first_s is None:
                        turn.first_s = time.monotonic() - begun
                    shown.draw()
                turn.usage = stream.usage
                if stream.explanation is not None and stream.explanation.request_id:
                    turn.explained(stream.explanation)
        except CoeError as error:
            turn.error = error
        except asyncio.CancelledError:
            turn.stopped = True
            raise
        finally:
            if ahead is not None:
                ahead.cancel()
            turn.running, turn.whole_s = False, time.monotonic() - begun
            shown.draw(now=True)
            shown.mark()

    async def _foresee(self, shown: Shown, messages: list[dict[str, Any]], setup: Setup) -> None:
        """Draw the decision while its answer is still being written."""
        with contextlib.suppress(CoeError):  # the answer itself tells what is wrong
            shown.turn.decision = await self._view.client.route(
                messages, model=self.model, coe=setup.limits()
            )
            shown.draw(now=True)

    async def _pressed(self, shown: Shown, event: GenericEventArguments) -> None:
        kind = event.args.get("act")
        if kind == "again" and shown is self.last:
            await self._again(self)
        elif kind in {"up", "down"} and shown.turn.request_id:
            rating = 1.0 if kind == "up" else -1.0
            async with telling("Thank you: it counts as feedback on this answer."):
                await self._view.client.feedback.give(shown.turn.request_id, rating=rating)
                shown.turn.rating = rating
                shown.mark()
