"""An entry tried before it is saved: what it answers, or what is in the way, beside its form."""

from __future__ import annotations

from nicegui import ui

from coe_client.types import Trial
from orchestrator.admin.pages.experts.entry import Entry
from orchestrator.admin.pages.experts.form import Form
from orchestrator.admin.parts.asking import button
from orchestrator.admin.parts.markup import Markup, facts, link, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count, money, seconds
from orchestrator.admin.parts.panels import note_box, panel
from orchestrator.admin.session import View

_NOTE = "Asks once what stands in the form, and saves nothing. It costs what a request costs."
_MESSAGE = "In one short sentence: what is a prime number?"
_MOST_TEXT = 4_000


def draw(view: View, form: Form) -> None:
    """Draw it.

    Args:
        view: Of whoever looks.
        form: Whose entry is tried.
    """
    with panel("Try it before it is saved", _NOTE):
        field = ui.textarea("Message", value=_MESSAGE)
        field.props(f"outlined dense autogrow maxlength={_MOST_TEXT}").classes("wide-field")

        async def ask(entry: Entry) -> None:
            trial = await view.client.experts.try_out(entry, field.value or None)
            if not told.is_deleted:
                told.set_content(outcome(trial))

        async def press() -> None:
            told.set_content(tag("p", "It is asked …", class_="soft"))
            asked = told.content
            await form.send(ask)
            if told.content == asked:  # it was not asked: what is wrong stands in the form
                told.set_content(
                    tag("p", "It was not asked: see what the form says.", class_="soft")
                )

        with ui.element("div").classes("line"):
            button(
                "Try it",
                press,
                icon="play_arrow",
                enabled=view.may("admin"),
                why_not="This needs the role admin.",
            )
        told = put(Markup("")).props('aria-live="polite"').classes("stack")


def outcome(trial: Trial) -> Markup:
    """Return what a trial came to."""
    request = link(trial.request_id, f"/admin/requests/{trial.request_id}", "mono")
    took = ("Took", seconds(trial.duration_ms / 1000))
    if trial.error is not None:
        said = [tag("strong", "It did not answer. "), trial.error.message]
        advice = tag("p", trial.error.advice) if trial.error.advice else Markup("")
        told = note_box([tag("p", said), advice], "bad")
        return told + facts([("Reason", tag("code", trial.error.code)), took, ("Request", request)])
    cut = trial.finish_reason == "length"
    about = "about " if trial.tokens_estimated else ""
    read, written = count(trial.prompt_tokens or 0), count(trial.completion_tokens or 0)
    body = tag("div", trial.answer or "It answered nothing.", class_="answer")
    note = note_box("It was cut off: a trial allows short answers only.", "warn") if cut else ""
    return (
        body
        + note
        + facts(
            [
                took,
                ("Tokens", f"{about}{read} in, {written} out"),
                ("Cost", money(trial.cost_usd)),
                ("Request", request),
            ]
        )
    )
