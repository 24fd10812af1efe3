"""Learns a reliability model, and measures on held-out questions what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestrator.conductor.nodes.weighing import PRICES
from orchestrator.conductor.panel.belief import Floats, Integers
from orchestrator.conductor.panel.fitting import Record, fit_reliability
from orchestrator.conductor.panel.option_fitting import fit_options
from orchestrator.conductor.panel.options import OptionPrior, traces
from orchestrator.conductor.panel.reliability import Reliability, untaught
from orchestrator.conductor.panel.simulation import Played, play
from orchestrator.conductor.teaching.answered import Answered
from router.evaluation.intervals import paired

Progress = Callable[[str, Iterable[Any], int], Iterable[Any]]
"""Wraps the parts of a task: its name, the parts, how many there are."""
HELD_OUT = 0.2
_PARTS = 3
"""A question's prior is learnt from the other parts: what it is taught with is not its own."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a model is learnt from.

    Args:
        data: Questions and answers.
        qualities: The router's, (n, E).
        costs: Of each expert, in billions of active parameters, (E,).
        options: Whether to learn what options tell by themselves, too.
        seed: Of what is drawn.
    """

    data: Answered
    qualities: Floats
    costs: Floats
    options: bool = False
    seed: int = 0

    def rows(self, index: Integers) -> Material:
        """Return the same of some questions."""
        return Material(
            self.data.rows(index), self.qualities[index], self.costs, self.options, self.seed
        )


def teach(material: Material, progress: Progress) -> Reliability:
    """Learn the model."""
    data = material.data
    told = _told(data) if material.options else []
    priors, prior = flat_priors(data), None
    if material.options:
        part = np.random.default_rng(material.seed).permutation(len(data)) % _PARTS
        for number in progress("reading options", range(_PARTS + 1), _PARTS + 1):
            shown = np.flatnonzero(part != number)  # all of them, in the end
            prior = fit_options([told[row] for row in shown], data.truths[shown])
            for row in np.flatnonzero(part == number):
                priors[row, : len(told[row])] = prior.told(told[row])
    record = Record(material.qualities, priors, data.answers, data.truths)
    [model] = [
        fit_reliability(record, data.experts, material.costs, options=prior)
        for _ in progress("weighing answers", (None,), 1)
    ]
    return model


def measure(material: Material, progress: Progress) -> dict[str, Any]:
    """Return what a model taught on four fifths of the questions does on the fifth.

    Returns:
        Plain data: ``n``, the best single expert, and by policy what the router's pick, the untaught
        and the taught cascade come to.
    """
    order = np.random.default_rng(material.seed).permutation(len(material.data))
    held = round(len(order) * HELD_OUT)
    shown, hidden = material.rows(order[held:]), material.rows(order[:held])
    model = teach(shown, progress)
    data = hidden.data
    scores = (data.answers == data.truths[:, None]).astype(float)
    best = int((shown.data.answers == shown.data.truths[:, None]).mean(axis=0).argmax())
    policies = {}
    for name, price in PRICES.items():
        chosen = (hidden.qualities - price * material.costs).argmax(axis=1)
        direct = scores[np.arange(len(data)), chosen]
        policies[name] = {
            "direct": _figures(direct, material.costs[chosen], np.ones(len(data)), direct),
            "untaught": _played(hidden, untaught(data.experts), price, direct),
            "taught": _played(hidden, model, price, direct),
        }
    return {
        "n": len(data),
        "best_single": {"expert": data.experts[best], "quality": float(scores[:, best].mean())},
        "policies": policies,
    }


def flat_priors(data: Answered) -> Floats:
    """Return the log-prior under which all options are alike, (n, K)."""
    priors = np.full((len(data), max(map(len, data.options))), -np.inf)
    for row, options in enumerate(data.options):
        priors[row, : len(options)] = -np.log(len(options))
    return priors


def _priors(data: Answered, prior: OptionPrior | None) -> Floats:
    priors = flat_priors(data)
    if prior is not None:
        for row, told in enumerate(_told(data)):
            priors[row, : len(told)] = prior.told(told)
    return priors


def _told(data: Answered) -> list[Floats]:
    return [traces(*each) for each in zip(data.prompts, data.options, strict=True)]


def _played(hidden: Material, model: Reliability, price: float, direct: Floats) -> dict[str, Any]:
    played: Played = play(
        model,
        hidden.qualities,
        _priors(hidden.data, model.options),
        hidden.data.answers,
        costs=hidden.costs,
        price=price,
    )
    right = (played.answers == hidden.data.truths).astype(float)
    return _figures(right, played.asked @ hidden.costs, played.asked.sum(axis=1), direct)


def _figures(right: Floats, billions: Floats, calls: Any, direct: Floats) -> dict[str, Any]:
    over = paired(right, direct)
    return {
        "quality": float(right.mean()),
        "billions": float(billions.mean()),
        "calls": float(calls.mean()),
        "over_direct": float(over.mean),
        "ci95": [float(over.low), float(over.high)],
    }
