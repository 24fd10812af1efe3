"""How real numbers of tokens follow from what can be estimated: learned as answers come, pure.

A linear model, such as so many tokens a conversation, so many a message, and a factor of the text: templates
of chat add tokens by message, tokenizers differ by a factor, and one ratio for both would be right only for
requests of one length. It is fitted by recursive least squares over relative errors, since a long
request should not count for more than a short one. Three things make it fit for live traffic:

- *What is believed beforehand* stays in the sum with the weight of a fraction of an answer. Where requests are
  all alike, they say nothing of how to part overhead and factor; then what is believed decides, and what
  has been learned is never lost to a matrix that cannot be inverted, as plain forgetting would.
- *Forgetting*: an update counts for 4 % less with each that follows, and for 30 % less with each that surprises. So
  noise evens out over some 75 answers, and a change of tokenizer is followed half after 30 of them.
- *Robust*: of each three answers only the one in the middle is learned from, so that a single one that is wrong by
  any factor changes next to nothing. What then still surprises is cut to three times what
  is usual (Huber's proposal), and what is usual widens as surprises go on. Medians of ratios would be
  as robust, and could not part overhead from factor; Theil and Sen's median of slopes could, for one
  factor and at the cost of all pairs.

Sources: Huber, "Robust Estimation of a Location Parameter" (1964); Ljung and Söderström, "Theory and
Practice of Recursive Identification" (1983), chapter 2, for forgetting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import mul

FURTHEST = 8.0
"""An estimate is at most so many times what was believed beforehand, and at least that part of it."""
TOGETHER = 3
"""Answers of which the one in the middle is learned from."""
_KEPT, _KEPT_SURPRISED = 0.96, 0.7
_FIRST_SPREAD = 0.25
"""Relative error of what is believed beforehand."""
_NOISE = 0.05
"""Relative error that is left once coefficients are known: what is believed beforehand weighs by it."""
_LEAST_SPREAD = 0.01
_SURPRISE = 3.0
_SPREAD_OVER = 4

Vector = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of each coefficient before anything is known.

    Args:
        means: Tokens for one of each feature.
        deviations: How far they may well be from that; above zero.
    """

    means: Vector
    deviations: Vector


@dataclass(frozen=True, slots=True)
class Fit:
    """What has been learned; a new one comes of each answer.

    Args:
        belief: What is believed beforehand.
        coefficients: What is believed now.
        moments: Weighted sums of products of features, row after row, divided by the squares of what was expected.
        targets: Those of features and tokens.
        spread: Usual relative error.
        waiting: Answers that wait for others of their three: features and relative tokens.
        surprised: Whether the last update was cut.
    """

    belief: Belief
    coefficients: Vector
    moments: tuple[Vector, ...]
    targets: Vector
    spread: float = _FIRST_SPREAD
    waiting: tuple[tuple[Vector, float], ...] = ()
    surprised: bool = False

    @classmethod
    def of(cls, belief: Belief) -> Fit:
        """Return one that has learned nothing."""
        nothing = (0.0,) * len(belief.means)
        return cls(belief, belief.means, (nothing,) * len(nothing), nothing)

    def estimate(self, features: Sequence[int]) -> float:
        """Return the tokens that are to be expected; never below zero.

        Args:
            features: How much there is of each, such as messages and tokens of text.
        """
        expected = _product(self.belief.means, features)
        found = _product(self.coefficients, features)
        return min(max(found, expected / FURTHEST), expected * FURTHEST)

    def learned(self, features: Sequence[int], real: int) -> Fit:
        """Return what is known after one more answer. Deterministic.

        Args:
            features: How much there was of each.
            real: Tokens that were counted for it. An answer of which none were expected teaches nothing.
        """
        expected = _product(self.belief.means, features)
        if expected <= 0.0:
            return self
        row = tuple(each / expected for each in features)
        ratio = min(max(real / expected, 1.0 / FURTHEST), FURTHEST)
        waiting = (*self.waiting, (row, ratio))
        if len(waiting) < TOGETHER:
            return replace(self, waiting=waiting)
        return self._updated(*sorted(waiting, key=self._error)[TOGETHER // 2])

    def _error(self, answer: tuple[Vector, float]) -> float:
        row, ratio = answer
        return ratio - _product(self.coefficients, row)

    def _updated(self, row: Vector, ratio: float) -> Fit:
        error, bound = self._error((row, ratio)), _SURPRISE * self.spread
        cut = min(max(error, -bound), bound)
        ratio += cut - error
        kept = _KEPT if cut == error else _KEPT_SURPRISED
        moments = tuple(
            tuple(kept * old + one * other for old, other in zip(line, row, strict=True))
            for line, one in zip(self.moments, row, strict=True)
        )
        targets = tuple(
            kept * old + one * ratio for old, one in zip(self.targets, row, strict=True)
        )
        spread = self.spread + (abs(cut) - self.spread) / _SPREAD_OVER
        return Fit(
            self.belief,
            _solved(self.belief, moments, targets),
            moments,
            targets,
            max(spread, _LEAST_SPREAD),
            surprised=cut != error,
        )


def _product(one: Sequence[float], other: Sequence[float]) -> float:
    found: float = sum(map(mul, one, other))
    return found


def _solved(belief: Belief, moments: tuple[Vector, ...], targets: Vector) -> Vector:
    """Return the coefficients: least squares, with what is believed beforehand as answers of their own.

    By Gaussian elimination without pivots, which is stable since the matrix is symmetric and positive definite.
    """
    weights = [(_NOISE / deviation) ** 2 for deviation in belief.deviations]
    size = len(weights)
    lines = [[*line, target] for line, target in zip(moments, targets, strict=True)]
    for i, (weight, mean) in enumerate(zip(weights, belief.means, strict=True)):
        lines[i][i] += weight
        lines[i][size] += weight * mean
    for i in range(size):
        for k in range(i + 1, size):
            factor = lines[k][i] / lines[i][i]
            for j in range(i, size + 1):
                lines[k][j] -= factor * lines[i][j]
    found = [0.0] * size
    for i in reversed(range(size)):
        rest = sum(lines[i][j] * found[j] for j in range(i + 1, size))
        found[i] = (lines[i][size] - rest) / lines[i][i]
    return tuple(found)
