"""One message to an expert, answered as it streams."""

from __future__ import annotations

import asyncio
import time

from nicegui import ui

from coe_client import CoeError
from coe_client.streaming import AsyncChatStream
from coe_client.types import ExpertRecord
from orchestrator.admin.parts.asking import button
from orchestrator.admin.parts.markup import Markup, facts, link, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count, money, seconds
from orchestrator.admin.parts.panels import note_box, panel
from orchestrator.admin.session import View

_NOT_OFTENER = 0.1
"""Seconds between two drawings of an answer that comes."""


async def draw(view: View, record: ExpertRecord) -> None:
    """Draw the tab."""
    expert = record.expert
    if not expert.enabled:
        put(note_box("It is switched off: nobody can ask it. Enable it first.", "warn"))
        return
    if "embeddings" in expert.capabilities:
        put(note_box("It turns texts into vectors and does not chat."))
        return
    with panel("Ask it", "The answer counts as a request of yours, with what it costs."):
        field = ui.textarea(
            "Message", value="In one short sentence: what is a prime number?"
        ).props("outlined autogrow")
        with ui.element("div").classes("line"):
            button("Ask", lambda: answer(), kind="primary", icon="send")
            stop = button("Stop", lambda: end(), icon="stop")
            put(tag("span", "Ctrl+Enter asks, too.", class_="small faint"))
    stop.set_visibility(False)
    with ui.element("div").classes("stack").props('aria-live="polite" aria-busy="false"') as live:
        told = put(Markup(""))
    task: asyncio.Task[None] | None = None

    async def answer() -> None:
        nonlocal task
        if task is not None and not task.done():
            return
        stop.set_visibility(True)
        live.props('aria-busy="true"')
        task = asyncio.create_task(_stream(view, expert.id, field.value or "", told), name="try it")
        ui.context.client.on_delete(task.cancel)
        await asyncio.wait([task])
        if not stop.is_deleted:
            stop.set_visibility(False)
            live.props('aria-busy="false"')

    def end() -> None:
        if task is not None:
            task.cancel()

    field.on("keydown.ctrl.enter", answer)


async def _stream(view: View, expert_id: str, message: str, told: ui.html) -> None:
    """Ask, and draw what comes as it comes."""
    text, begun, drawn = "", time.monotonic(), 0.0
    first: float | None = None
    told.set_content(_answer("", []))
    try:
        async with await view.client.chat.create(
            message, model=expert_id, stream=True, explain=True
        ) as stream:
            async for chunk in stream:
                text += chunk.text
                now = time.monotonic()
                if text and first is None:
                    first = now - begun
                if now - drawn >= _NOT_OFTENER:
                    drawn = now
                    told.set_content(_answer(text, []))
            whole = time.monotonic() - begun
            told.set_content(_answer(text, outcome(stream, first, whole)))
    except asyncio.CancelledError:
        told.set_content(_answer(text, [("Stopped", seconds(time.monotonic() - begun))]))
        raise
    except CoeError as error:
        failed = note_box(["It did not answer: ", error.message, _request(error.request_id)], "bad")
        told.set_content((_answer(text, []) if text else Markup("")) + failed)


def outcome(
    stream: AsyncChatStream, first: float | None, whole: float
) -> list[tuple[str, str | Markup]]:
    """Return what a stream tells of itself when it has ended.

    Args:
        stream: It.
        first: Seconds until the first piece of text.
        whole: Seconds until the end.
    """
    explained = stream.explanation
    usage = explained.usage if explained else None
    request_id = stream.route.request_id
    return [
        ("First token", seconds(first)),
        ("Whole answer", seconds(whole)),
        (
            "Tokens",
            f"{count(usage.prompt_tokens)} in, {count(usage.completion_tokens)} out"
            if usage
            else "",
        ),
        ("Cost", money(explained.cost_usd) if explained else ""),
        ("Request", link(request_id, f"/admin/requests/{request_id}") if request_id else ""),
    ]


def _answer(text: str, told: list[tuple[str, str | Markup]]) -> Markup:
    body = tag("div", text, class_="answer") if text else tag("div", "…", class_="answer faint")
    below = facts(told) if told else Markup("")
    return tag(
        "section",
        tag("header", tag("h2", "Answer")),
        tag("div", body, below, class_="body"),
        class_="panel",
    )


def _request(request_id: str | None) -> Markup:
    if not request_id:
        return Markup("")
    return Markup(" ") + link(f"Request {request_id}", f"/admin/requests/{request_id}")
