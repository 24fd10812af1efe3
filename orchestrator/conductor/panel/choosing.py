"""Which expert is worth its price next: the value of its information, one step ahead.

For an expert that boosts answer k by w_k when it gives it, the only distribution of its answers
under which beliefs do not drift (the posterior after asking has the posterior now as its mean) is

    P(gives k | j is right) = c_k exp(w_k [k = j]),   c_k = 1 / ((exp(w_k) - 1) (1 + T)),
    T = sum_k 1 / (exp(w_k) - 1).

So what an expert will probably say, correlated errors included, follows from the boosts alone, and
with it the expected probability of being right after asking (Howard, "Information Value Theory",
1966). Looking two steps ahead was tried and gained nothing at any price (docs/panels.md).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from orchestrator.conductor.panel.belief import Belief, Floats, Integers, best, posterior

_NOTHING = 1e-9
"""A gain below this is rounding."""


class Rules(NamedTuple):
    """What decisions go by, beside beliefs.

    Args:
        costs: Of each expert, such as billions of active parameters, (E,).
        silent: How often each gives nothing that can be read, (E,).
        pairs: What agreement of two adds to a boost, (E, E).
        price: Of a unit of cost, in probability of being right.
    """

    costs: Floats
    silent: Floats
    pairs: Floats
    price: float


class Choice(NamedTuple):
    """What to do next, for one prompt.

    Args:
        expert: Whose turn it is; ``None``: stop.
        confidence: That the best answer so far is right.
        value: Of asking the expert: expected confidence after it, less the price; of stopping: the
            confidence.
    """

    expert: int | None
    confidence: float
    value: float


def values(belief: Belief, rules: Rules) -> Floats:
    """Return the value of asking each expert, (..., E): ``-inf`` for those asked already."""
    now = best(belief)[1][..., None]
    after = _likely_best(belief, now)
    found = rules.silent * now + (1.0 - rules.silent) * after - rules.price * rules.costs
    return np.where(belief.asked, -np.inf, found)


def choices(belief: Belief, rules: Rules) -> Integers:
    """Return whom to ask next for each of n prompts, -1 where it is time to stop, (n,)."""
    worth = values(belief, rules)
    chosen = worth.argmax(axis=-1)
    first = ~belief.asked.any(axis=-1)
    goes = (worth.max(axis=-1) > best(belief)[1] + _NOTHING) | first
    return np.where(goes & np.isfinite(worth.max(axis=-1)), chosen, -1)


def choose(belief: Belief, rules: Rules) -> Choice:
    """Decide for one prompt; see :func:`values`. Somebody is always asked first."""
    worth = values(belief, rules)
    confidence = float(best(belief)[1])
    expert = int(worth.argmax())
    goes = worth[expert] > confidence + _NOTHING or not belief.asked.any()
    if goes and np.isfinite(worth[expert]):
        return Choice(expert, confidence, float(worth[expert]))
    return Choice(None, confidence, confidence)


def _likely_best(belief: Belief, now: Floats) -> Floats:
    """Return how probable the best answer will be after each expert, on average, (..., E)."""
    possible = np.isfinite(belief.log_odds)[..., None, :]
    inverse = np.where(possible, 1.0 / np.expm1(belief.boosts), 0.0)
    shares = inverse / (1.0 + inverse.sum(axis=-1, keepdims=True))
    raised = posterior(belief)[..., None, :] * np.exp(belief.boosts)
    found: Floats = (shares * np.maximum(raised, now[..., None])).sum(axis=-1)
    return found
