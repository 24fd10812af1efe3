"""What is believed of each possible answer, and how that changes with every expert that is heard.

The log-odds of an answer are a prior plus a boost from each expert that gave it; a boost shrinks
with every other expert that gave the same answer, since experts err together. All arrays may have
leading axes: one prompt, or thousands at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.intp]

LEAST_BOOST = 0.05
"""An answer never speaks against itself, whoever repeats it."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What is known at one point. E experts, K possible answers.

    Args:
        log_odds: Of each answer, up to a constant; ``-inf`` where it is impossible, (..., K).
        boosts: What it would add to an answer's log-odds if the expert gave it now, (..., E, K).
        asked: Which experts have been asked, (..., E).
        given: Which answers somebody has given: no other can be chosen, (..., K).
    """

    log_odds: Floats
    boosts: Floats
    asked: Bools
    given: Bools

    def arrays(self) -> tuple[Floats, Floats, Bools, Bools]:
        """Return the parts in order."""
        return self.log_odds, self.boosts, self.asked, self.given

    def rows(self, index: Any) -> Belief:
        """Return some of many beliefs."""
        log_odds, boosts, asked, given = (array[index] for array in self.arrays())
        return Belief(log_odds, boosts, asked, given)


def posterior(belief: Belief) -> Floats:
    """Return the probability that each answer is right, (..., K)."""
    odds = np.exp(belief.log_odds - belief.log_odds.max(axis=-1, keepdims=True))
    found: Floats = odds / odds.sum(axis=-1, keepdims=True)
    return found


def heard(belief: Belief, experts: Integers, answers: Integers, pairs: Floats) -> None:
    """Take in one more answer for each of n prompts, in place.

    Args:
        belief: Of n prompts.
        experts: Who was asked, (n,).
        answers: What they gave, -1 for nothing that could be read, (n,).
        pairs: What it adds if two give the same answer, mostly negative, symmetric, (E, E).
    """
    rows = np.arange(len(experts))
    belief.asked[rows, experts] = True
    rows = rows[answers >= 0]
    experts, answers = experts[rows], answers[rows]
    belief.log_odds[rows, answers] += belief.boosts[rows, experts, answers]
    belief.given[rows, answers] = True
    boosts = belief.boosts[rows, :, answers] + pairs[experts]
    belief.boosts[rows, :, answers] = np.maximum(boosts, LEAST_BOOST)


def best(belief: Belief) -> tuple[Integers, Floats]:
    """Return the most probable answer that was given, and how probable it is.

    -1 and 0 where none was given.
    """
    chances = np.where(belief.given, posterior(belief), -1.0)
    chosen = chances.argmax(axis=-1)
    confidence = chances.max(axis=-1)
    none = confidence < 0.0
    return np.where(none, -1, chosen), np.where(none, 0.0, confidence)
