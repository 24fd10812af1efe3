"""One message and what a model made of it. What is known of it, and how that looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coe_client import CoeError
from coe_client.types import (
    ChatCompletionChunk,
    CompletionUsage,
    Explanation,
    RoutingDecision,
    RunStep,
)
from orchestrator.admin.pages.conductor.steps import tree
from orchestrator.admin.parts import decision as decisions
from orchestrator.admin.parts import decision_words as words
from orchestrator.admin.parts.listing import act
from orchestrator.admin.parts.markup import Markup, badge, link, tag
from orchestrator.admin.parts.numbers import count, money, seconds
from orchestrator.admin.parts.panels import note_box

_FEW = 4
"""Steps that stay in sight once they are all done."""


@dataclass(slots=True)
class Turn:
    """One message and its answer, as it comes.

    Args:
        question: What was asked.
    """

    question: str
    text: str = ""
    reasoning: str = ""
    steps: dict[str, RunStep] = field(default_factory=dict)
    decision: RoutingDecision | None = None
    explanation: Explanation | None = None
    usage: CompletionUsage | None = None
    request_id: str | None = None
    expert: str | None = None
    first_s: float | None = None
    whole_s: float | None = None
    error: CoeError | None = None
    running: bool = True
    stopped: bool = False
    rating: float | None = None

    def take(self, chunk: ChatCompletionChunk) -> None:
        """Take in what a piece of the stream adds."""
        self.text += chunk.text
        if chunk.choices:
            thought = getattr(chunk.choices[0].delta, "reasoning_content", None)
            self.reasoning += thought if isinstance(thought, str) else ""
        event = getattr(chunk.coe, "event", None) if chunk.coe is not None else None
        if isinstance(event, Mapping):
            self._happened(event)

    def explained(self, explanation: Explanation) -> None:
        """Take in the whole story; of a strategy it does not tell, what was foreseen stays."""
        self.explanation = explanation
        self.expert = explanation.expert or self.expert
        if explanation.decision is not None:
            strategy = explanation.decision.strategy or (
                self.decision.strategy if self.decision else None
            )
            self.decision = explanation.decision.model_copy(update={"strategy": strategy})

    @property
    def cost_usd(self) -> float | None:
        """What it cost, once it has ended."""
        return self.explanation.cost_usd if self.explanation else None

    def _happened(self, event: Mapping[str, Any]) -> None:
        """Take in an event of a strategy."""
        if event.get("type") in {"step.started", "step.finished"} and event.get("step"):
            step = RunStep.model_validate(event["step"])
            self.steps[step.key] = step
        elif event.get("type") == "step.delta":
            known = self.steps.get(str(event.get("key")))
            if known is not None:
                said = known.output + str(event.get("text") or "")
                self.steps[known.key] = known.model_copy(update={"output": said})


def question(turn: Turn) -> Markup:
    """Return what was asked."""
    return tag(
        "div",
        tag("span", "You", class_="small faint who"),
        tag("div", turn.question, class_="answer"),
        class_="bubble user",
    )


def head(turn: Turn) -> Markup:
    """Return what stands above an answer: who gives it, and what it thought."""
    named = tag("span", who(turn), class_="small faint who")
    if not turn.reasoning:
        return named
    thought = tag("div", turn.reasoning, class_="answer small soft")
    folded = tag("summary", "Reasoning") + thought
    return named + tag("details", folded, open=not turn.text, class_="fold")


def foot(turn: Turn) -> Markup:
    """Return what stands below the text of an answer: that it is awaited, or how it ended."""
    parts: list[Markup] = []
    if turn.running and not turn.text:
        waits = "Works on it, step by step …" if turn.steps else "Waits for the first token …"
        parts.append(tag("div", waits, class_="faint"))
    if turn.error is not None:
        parts.append(note_box(["It did not answer: ", turn.error.message], "bad"))
    if turn.stopped:
        parts.append(tag("div", "Stopped here.", class_="small faint"))
    if not parts and not turn.text and not turn.reasoning:
        parts.append(tag("div", "The answer is empty.", class_="faint"))
    return Markup("").join(parts)


def who(turn: Turn) -> str:
    """Return who answers, and what the request was taken for, as far as that is known."""
    decision = turn.decision
    if decision is None:
        return turn.expert or "Answer"
    sure = words.sureness(decision)
    about = f"{decision.category}, {sure}" if sure else decision.category
    return f"{decision.strategy or turn.expert or decision.expert} · {about}"


def figures(turn: Turn, marks: Sequence[str] = (), *, linked: bool = True) -> Markup:
    """Return what an answer took and cost, and what can be done about it.

    Args:
        turn: It has ended.
        marks: What it is among those beside it, such as ``cheapest``.
        linked: Whether the request's own page is open to whoever looks.
    """
    usage = turn.usage
    told: list[tuple[str, str]] = [
        ("First token", seconds(turn.first_s) if turn.first_s is not None else ""),
        ("Whole", seconds(turn.whole_s) if turn.whole_s is not None else ""),
        (
            "Tokens",
            f"{count(usage.prompt_tokens)} in, {count(usage.completion_tokens)} out"
            if usage
            else "",
        ),
        ("Cost", money(turn.cost_usd) if turn.cost_usd is not None else ""),
    ]
    pairs = [
        tag("div", tag("dt", name), tag("dd", value, class_="num")) for name, value in told if value
    ]
    doing = [act("Ask again", "again", "refresh")]
    if turn.request_id and turn.error is None:
        doing = [
            _thumb("Good answer", "up", "thumb_up", chosen=turn.rating == 1.0),
            _thumb("Bad answer", "down", "thumb_down", chosen=turn.rating == -1.0),
            *doing,
        ]
    request = turn.request_id or (turn.error.request_id if turn.error else None)
    opened = (
        link("Open the request", f"/admin/requests/{request}", "small")
        if request and linked
        else None
    )
    return tag(
        "div",
        tag("dl", pairs, class_="quick") if pairs else None,
        tag(
            "div",
            opened,
            [badge(mark, "good") for mark in marks],
            tag("span", doing, class_="line tight push"),
            class_="line",
        ),
        class_="figures",
    )


def why(turn: Turn, *, linked: bool = True) -> Markup:
    """Return how it was decided who answers; empty where the caller decided.

    Args:
        turn: It.
        linked: Whether the experts' own pages are open to whoever looks.
    """
    decision = turn.decision
    if decision is None:
        return Markup("")
    told = words.sentences(decision)
    if decision.strategy:
        told.append(f"The strategy {decision.strategy} answers, with several calls.")
    elif turn.expert and turn.expert != decision.expert:
        told.append(f"{decision.expert} did not answer, so {turn.expert} did.")
    rule = words.RULES.get(decision.rule or "", "")
    parts = [
        tag("p", " ".join(told)),
        decisions.kinds(decision, 4),
        decisions.doubt(decision),
        tag(
            "p",
            tag("span", "Rule ", class_="strong"),
            tag("code", decision.rule or "–"),
            f" {rule}",
            class_="small",
        ),
        tag("h3", "Who could have answered"),
        decisions.candidates(decision, turn.expert, compact=True, linked=linked),
    ]
    head = f"Why {decision.strategy or decision.expert}"
    return tag(
        "details",
        tag("summary", tag("span", head, class_="strong")),
        tag("div", parts, class_="stack why"),
        class_="fold",
        open=True,
    )


def steps(turn: Turn) -> Markup:
    """Return the steps of a strategy, as far as they have come; empty where there are none."""
    if not turn.steps:
        return Markup("")
    done = sum(one.status != "running" for one in turn.steps.values())
    head = f"Steps: {done} of {len(turn.steps)} done" if turn.running else f"{done} steps"
    return tag(
        "details",
        tag("summary", tag("span", head, class_="strong")),
        tree(list(turn.steps.values())),
        class_="fold",
        open=turn.running or len(turn.steps) <= _FEW,
    )


def marks(turns: Sequence[Turn | None]) -> list[list[str]]:
    """Return which of the answers beside each other was the cheapest and which the fastest.

    Args:
        turns: The last of each; ``None``: nothing was asked there.
    """
    found: list[list[str]] = [[] for _ in turns]
    ended = [
        (at, turn)
        for at, turn in enumerate(turns)
        if turn is not None and turn.error is None and not turn.stopped and not turn.running
    ]
    if len(ended) < 2:
        return found
    values = {
        "cheapest": [(turn.cost_usd, at) for at, turn in ended],
        "fastest": [(turn.whole_s, at) for at, turn in ended],
    }
    for name, pairs in values.items():
        known = sorted((value, at) for value, at in pairs if value is not None)
        if len(known) > 1 and known[0][0] < known[1][0]:
            found[known[0][1]].append(name)
    return found


def _thumb(name: str, kind: str, icon: str, *, chosen: bool) -> Markup:
    pressed = tag("span", icon, class_="material-icons", aria_hidden="true", style="font-size:18px")
    return tag(
        "button",
        pressed,
        type="button",
        class_="icon-button chosen" if chosen else "icon-button",
        title=name,
        aria_label=name,
        aria_pressed="true" if chosen else "false",
        data_act=kind,
    )
