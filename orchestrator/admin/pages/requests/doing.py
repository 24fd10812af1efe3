"""What can be done with a request: sent again, taken to the playground, judged."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from nicegui import ui

from coe_client.types import RequestContent, RequestDetail
from orchestrator.admin.pages.requests.said import last_question, messages_of, text_of
from orchestrator.admin.parts.asking import button, confirmed, go, telling
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.markup import tag
from orchestrator.admin.parts.numbers import money
from orchestrator.admin.session import View

_LONGEST = 4_000
"""Characters of a prompt that still fit into an address."""


def actions(view: View, detail: RequestDetail, said: RequestContent | None) -> None:
    """Draw the line of buttons."""
    messages = messages_of(said) if said else []

    async def again() -> None:
        cost = f" It cost {money(detail.cost_usd)} the first time." if detail.cost_usd else ""
        text = f"The same messages go to {detail.model or 'coe'} once more, as a request of yours.{cost}"
        if not await confirmed("Send it again?", text, "Send"):
            return
        async with telling():
            answer = await view.client.chat.create(
                messages,
                model=detail.model or "coe",
                coe={"cache": {"read": False}},
            )
            if answer.route.request_id:
                go(f"/admin/requests/{answer.route.request_id}")

    with ui.element("div").classes("line"):
        button(
            "Send again",
            again,
            icon="replay",
            enabled=bool(messages),
            why_not="What was said is not stored, so it cannot be sent again",
        )
        button(
            "Open in the playground",
            lambda: go(playground(detail, said)),
            icon="science",
        )
        ui.element("span").classes("push")
        _judging(view, detail)


def playground(detail: RequestDetail, said: RequestContent | None) -> str:
    """Return the address of the playground with the request's model, and its messages where stored."""
    parameters = {"model": detail.model or "coe"}
    if said is not None:
        question = last_question(said)
        if len(question) <= _LONGEST:
            parameters["prompt"] = question
        system = "\n\n".join(
            text_of(one) for one in messages_of(said) if one.get("role") == "system"
        )
        if system and len(system) <= _LONGEST:
            parameters["system"] = system
    return "/admin/playground?" + urlencode({k: v for k, v in parameters.items() if v})


def _judging(view: View, detail: RequestDetail) -> None:
    """Draw what was thought of the answer, and buttons to say so."""
    given = [one.rating for one in detail.feedback if one.rating is not None]
    place = ui.element("div").classes("line").props('aria-live="polite"')

    def shown(rating: float | None) -> None:
        place.clear()
        with place:
            if rating is not None:
                told = "good" if rating > 0 else "bad" if rating < 0 else "so-so"
                put(tag("span", f"Judged {told}", class_="small soft"))
            for value, icon, name in (
                (1.0, "thumb_up", "Good answer"),
                (-1.0, "thumb_down", "Bad answer"),
            ):
                _thumb(view, detail.request_id, value, icon, name, rating, shown)

    shown(given[-1] if given else None)


def _thumb(
    view: View,
    request_id: str,
    value: float,
    icon: str,
    name: str,
    rating: float | None,
    shown: Callable[[float | None], None],
) -> None:
    async def judge() -> None:
        async with telling("Thank you: it counts as feedback on this answer."):
            await view.client.feedback.give(request_id, rating=value)
            shown(value)

    pressed = rating == value
    drawn = button("", judge, icon=icon, kind="plain")
    drawn.props(f'aria-label="{name}" aria-pressed="{str(pressed).lower()}"').tooltip(name)
    drawn.classes("thumb" + (" chosen" if pressed else ""))
