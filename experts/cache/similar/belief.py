"""How likely the answer to one prompt is right for another, learned for each kept prompt. Pure.

Follows vCache (Schroeder et al., "vCache: Verified Semantic Prompt Caching", arXiv 2502.03771): for a
kept prompt, whether its answer would have done is a logistic function of similarity, learned from what has
been seen. The rest is asked, and compared, which is how it learns.

Where the paper holds the share of wrong answers among all requests, by giving a doubtful answer now
and then, here it is held among the answers that are given (:mod:`experts.cache.similar.share`): one that is doubtful
is never given. Where
the paper starts each prompt from nothing, here it starts from what was seen in its category:
a Gaussian around the category's own curve, as wide as prompts differ. Where the paper takes the worst of a
confidence interval, here the doubt is averaged over. Beliefs are Gaussian by Laplace's approximation
(Bishop, 2006, section 4.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_NEAREST = 0.005
"""Distance below which two prompts count as equally near."""
_MIDDLE = 2.0
"""Nearness from which is counted, so that the two numbers of a curve hang together little."""
STILL_ASKED = 0.02
"""Share of sure requests that are asked nevertheless, so that what changes is seen."""
_SPREAD = np.diag([0.3**2, 0.1**2])
"""How much prompts of a category differ from its curve."""
_ROUNDS = 12
_CLOSE_ENOUGH = 1e-6


@dataclass(frozen=True, slots=True)
class Outcome:
    """One comparison: an answer was asked for although one was kept.

    Args:
        similarity: Of the two prompts.
        right: Whether the kept answer would have done.
    """

    similarity: float
    right: bool


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of a curve: a Gaussian over its height and its slope.

    Args:
        mean: Of the two.
        covariance: Of the two.
    """

    mean: Array
    covariance: Array

    def widened(self) -> Belief:
        """Return what that says of a prompt of which nothing else is known."""
        return Belief(self.mean, self.covariance + _SPREAD)

    def right(self, similarity: float) -> float:
        """Return how probable it is that the kept answer is right, all doubt about the curve included.

        The mean of the logistic curve over the Gaussian, by MacKay's approximation (Bishop, 2006, section
        4.5.2): the wider the doubt, the nearer to one half.

        Args:
            similarity: Of the two prompts.
        """
        point = np.array([1.0, _nearness(similarity)])
        variance = max(float(point @ self.covariance @ point), 0.0)
        return _logistic(float(point @ self.mean) / math.sqrt(1 + math.pi * variance / 8))


NOTHING_KNOWN = Belief(np.array([0.0, 1.0]), np.diag([4.0**2, 1.0]))
"""Before anything was seen: the more alike the likelier, and nothing more."""


def learned(outcomes: Sequence[Outcome], prior: Belief = NOTHING_KNOWN) -> Belief:
    """Return what is believed after some comparisons.

    Args:
        outcomes: The comparisons.
        prior: What was believed before.
    """
    if not outcomes:
        return prior
    points = np.array([[1.0, _nearness(one.similarity)] for one in outcomes])
    right = np.array([float(one.right) for one in outcomes])
    precision = np.linalg.inv(prior.covariance)

    def doubt(at: Array) -> float:
        signed = np.where(right > 0, 1.0, -1.0) * (points @ at)
        away = at - prior.mean
        return float(np.logaddexp(0.0, -signed).sum() + away @ precision @ away / 2)

    mean = prior.mean.copy()
    for _ in range(_ROUNDS):
        chances = 1 / (1 + np.exp(-np.clip(points @ mean, -30, 30)))
        gradient = points.T @ (chances - right) + precision @ (mean - prior.mean)
        hessian = _curvature(points, chances, precision)
        step, before, length = np.linalg.solve(hessian, gradient), doubt(mean), 1.0
        while doubt(mean - length * step) > before and length > _CLOSE_ENOUGH:
            length /= 2
        mean = mean - length * step
        if float(np.abs(length * step).max()) < _CLOSE_ENOUGH:
            break
    chances = 1 / (1 + np.exp(-np.clip(points @ mean, -30, 30)))
    return Belief(mean, np.linalg.inv(_curvature(points, chances, precision)))


def _curvature(points: Array, chances: Array, precision: Array) -> Array:
    weights = chances * (1 - chances)
    return np.asarray((points * weights[:, None]).T @ points + precision)


def _nearness(similarity: float) -> float:
    """Return a similarity on a scale on which 0.99 is as far from 1 as 0.8 from 0.9.

    Most of what tells a paraphrase from another question lies close to 1.
    """
    return -math.log(max(1 - similarity, 0.0) + _NEAREST) - _MIDDLE


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(min(value, 50.0), -50.0)))
