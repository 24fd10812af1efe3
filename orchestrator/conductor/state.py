"""What a strategy knows so far. Plain JSON data, so that people can read it."""

from __future__ import annotations

from typing import Any, TypedDict

from orchestrator.conductor.values import Message


class Draft(TypedDict):
    """An answer that may turn out to be the best there is."""

    text: str
    by: str
    """Id of the expert, or what made it."""
    weight: float
    """How far it is believed, 0 to 1."""


class Heard(TypedDict):
    """What one expert of a panel answered."""

    expert: str
    key: str
    """Of the step."""
    text: str


class Problem(TypedDict):
    """A task that was done before, and its answer."""

    task: str
    answer: str


class State(TypedDict, total=False):
    """What passes between nodes. A node returns what it changes.

    ``stopped`` names the limit that was reached; whoever sets it is followed by the conclusion.
    """

    charge: str
    """Id of the expert in charge."""
    transcript: list[Message]
    """Its conversation."""
    round: int
    repeats: int
    """Rounds in a row that asked nothing new."""
    calls: list[dict[str, Any]]
    """What it wants done next."""
    drafts: list[Draft]
    heard: list[Heard]
    """What the experts of a panel answered; an empty text where one said nothing."""
    problems: list[Problem]
    """Tasks like this one, for students to try."""
    prior: list[float]
    """Log-probability of each option of the question, before anybody was asked."""
    agreed: bool
    """Whether the panel's answers could be counted."""
    answer: str
    verified: bool
    objections: int
    """How often a check has refused an answer."""
    stopped: str
    frontier: list[str]
    """Things a walk may go on from."""
    path: list[list[str]]
    """Facts it has taken."""
    plan: str
    objection: str
    """Why the last draft was refused."""


def best_draft(state: State) -> Draft | None:
    """Return the draft that is believed most; of equals the last."""
    best: Draft | None = None
    for draft in state.get("drafts", ()):
        if draft["text"].strip() and (best is None or draft["weight"] >= best["weight"]):
            best = draft
    return best


def with_draft(state: State, text: str, by: str, weight: float) -> list[Draft]:
    """Return the drafts and another, unless there is nothing in it."""
    drafts = [*state.get("drafts", ())]
    return [*drafts, Draft(text=text, by=by, weight=weight)] if text.strip() else drafts


def with_weight(state: State, weight: float) -> list[Draft]:
    """Return the drafts, the newest believed as far as said."""
    drafts = state["drafts"]
    newest = drafts[-1]
    return [*drafts[:-1], Draft(text=newest["text"], by=newest["by"], weight=weight)]
