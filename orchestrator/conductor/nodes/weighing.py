"""What the answers heard so far come to: the beliefs behind votes and cascades."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experts.providers.wire import last_user_text
from orchestrator.conductor.answers import Answer, options_in, question_in, read_answer
from orchestrator.conductor.panel import Belief, Reliability, posterior, untaught
from orchestrator.conductor.panel.belief import Floats, heard
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import Heard

OPEN_ANSWERS = 10
"""Answers that are thought possible at least where a question lists none."""
PRICES = {"quality": 0.0002, "balanced": 0.001, "economy": 0.004}
"""What a billion active parameters may cost, in probability of being right, by policy."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Who could be asked about one task, and what is believed of its answers.

    Args:
        experts: Ids, best first.
        model: How far they are to be believed.
        costs: Of each, in billions of active parameters, (E,).
        read: What each answer heard says; ``None`` where that cannot be read off it.
        values: The different ones, by their place in the beliefs.
        belief: After all that was heard.
    """

    experts: tuple[str, ...]
    model: Reliability
    costs: Floats
    read: tuple[Answer | None, ...]
    values: tuple[str, ...]
    belief: Belief

    def chance(self, answer: Answer) -> float:
        """Return the probability that an answer that was heard is right."""
        return float(posterior(self.belief)[self.values.index(answer.value)])


def prior_of(run: Run) -> list[float]:
    """Return the log-probability of each option of the task's question; empty where it has none."""
    asked = last_user_text(run.task.messages)
    options = options_in(asked)
    model = run.reliability or untaught(())
    return model.log_prior(question_in(asked), options).tolist() if options else []


def panel_of(run: Run, answers: Sequence[Heard], prior: Sequence[float]) -> Panel:
    """Return the panel of a run's task after these answers.

    Args:
        run: The run.
        answers: What was heard.
        prior: See :func:`prior_of`.

    Raises:
        NoExpert: If nobody can be asked.
    """
    ranked = _seated(run, answers)
    experts = tuple(expert for expert, _ in ranked)
    usual = run.reliability or untaught(experts)
    model = usual.of(experts)
    options = options_in(last_user_text(run.task.messages)) if prior else ()
    read = tuple(read_answer(each["text"], options) if each["text"] else None for each in answers)
    values = _values(read, len(options))
    count = max(len(values), OPEN_ANSWERS)
    log_prior = np.array(prior) if options else np.full(count, -math.log(count))
    belief = model.opening(np.array([quality for _, quality in ranked]), log_prior)
    for answer, said in zip(read, answers, strict=True):
        _hear(belief, model, experts.index(said["expert"]), _place(answer, values))
    costs = np.array([run.experts.size(expert) for expert in experts])
    return Panel(experts, model, costs, read, values, belief)


def _seated(run: Run, answers: Sequence[Heard]) -> list[tuple[str, float]]:
    """Return who could be asked, and who was: an expert that has gone since has still been heard."""
    ranked = list(run.experts.ranked(run.task, policy="quality"))
    known = {expert for expert, _ in ranked}
    gone = dict.fromkeys(each["expert"] for each in answers if each["expert"] not in known)
    return [*ranked, *((expert, ranked[-1][1]) for expert in gone)]


def _values(read: Sequence[Answer | None], options: int) -> tuple[str, ...]:
    if options:
        return tuple(chr(ord("A") + place) for place in range(options))
    return tuple(dict.fromkeys(answer.value for answer in read if answer is not None))


def _place(answer: Answer | None, values: tuple[str, ...]) -> int:
    return -1 if answer is None else values.index(answer.value)


def _hear(belief: Belief, model: Reliability, expert: int, place: int) -> None:
    """Take in one answer, in place: the arrays of the one belief are seen as those of many."""
    heard(belief.rows(None), np.array([expert]), np.array([place]), model.pairs)
