"""When not to trust the classifier: known or unknown, with a threshold for each category.

After COSMO's gate between known and unknown; the formulas are our own. Three signs are compared
with what is usual among prompts held out: how familiar the text is (best score and distance to the
prototypes), the margin between the two likeliest categories, and the entropy over all. Each becomes
the share of known prompts that look no better, and the logarithms of the shares are averaged, as in
Fisher's method of combining tests (1925). Familiarity tells strangers, the other two tell mistakes.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.classifier import Evidence

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Arrays = dict[str, npt.NDArray[Any]]

SIGNS = 3
_NOTHING = 1e-12
_LEVELS = 64
_STEPS = 200
_PRIOR_ROWS = 20.0
_SHARES = (0.35, 0.5, 0.65, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class LearnedGateSettings:
    """How a gate is learned.

    Args:
        familiarity: Share of familiarity in the decision, 0 to 1, where there are no strangers to
            learn it from; the rest is shared by margin and entropy.
        worth: What an answer of the general expert is worth, when a right category is worth 1 and
            a wrong one 0. For a stranger it is worth 1.
        strangers: Expected share of strangers among requests, where there are examples of them.
        left_out: The same where there are none, and prompts of categories that were left out stand
            for them. Smaller, since these are more like the known than most strangers are.
    """

    familiarity: float = 0.5
    worth: float = 0.5
    strangers: float = 0.1
    left_out: float = 0.02


@dataclass(frozen=True, slots=True)
class LearnedGate:
    """Combines three signs of doubt into one number, with a threshold for each category.

    Args:
        usual: For each sign, its quantiles among known prompts, rising.
        weights: Of the signs, summing to one.
        thresholds: Uncertainty above which a request most like a category is unknown, shape (C,).
    """

    usual: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    thresholds: tuple[float, ...]

    def uncertainty(self, probabilities: Floats, nearest: float) -> float:
        """Return 0 (as sure as the surest) to 1 (knows nothing).

        Args:
            probabilities: Over all categories, shape (C,).
            nearest: How familiar the text is (:class:`~router.learned.LearnedClassifier`).
        """
        total = 0.0
        for sign, usual, weight in zip(
            _signs(probabilities, nearest), self.usual, self.weights, strict=True
        ):
            total += weight * _log_share(usual, sign)
        return 1.0 - math.exp(total)

    def limit(self, top: int) -> float:
        """Return the uncertainty above which a request most like category ``top`` is ``general``."""
        return self.thresholds[top]

    def unsure(self, uncertainty: float, top: int) -> bool:
        """Tell whether a request most like category ``top`` is to be treated as ``general``."""
        return uncertainty > self.thresholds[top]

    def many(self, evidence: Evidence) -> Floats:
        """Return the uncertainty of several texts, shape (n,)."""
        pairs = zip(evidence.probabilities, evidence.nearest.tolist(), strict=True)
        return np.array([self.uncertainty(row, nearest) for row, nearest in pairs])

    def arrays(self) -> Arrays:
        """Return all that :meth:`load` needs."""
        parts = {"usual": self.usual, "weights": self.weights, "thresholds": self.thresholds}
        return {name: np.array(value, dtype=np.float64) for name, value in parts.items()}

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> LearnedGate:
        """Put a gate together again.

        Raises:
            ValueError: Where the parts do not fit together.
        """
        missing = {"usual", "weights", "thresholds"} - set(arrays)
        if missing:
            raise ValueError(f"the gate lacks {', '.join(sorted(missing))}")
        usual, weights, thresholds = arrays["usual"], arrays["weights"], arrays["thresholds"]
        if (
            usual.ndim != 2
            or len(usual) != SIGNS
            or usual.shape[1] < 2
            or weights.shape != (SIGNS,)
        ):
            raise ValueError("the gate's 'usual' and 'weights' are not of three signs")
        if thresholds.ndim != 1 or not len(thresholds):
            raise ValueError("the gate's 'thresholds' are not one number a category")
        if not all(np.isfinite(each).all() for each in (usual, weights, thresholds)):
            raise ValueError("the gate holds a value that is no number")
        rows = tuple(tuple(np.sort(row).tolist()) for row in usual)
        return cls(rows, tuple(weights.tolist()), tuple(thresholds.tolist()))


def learn_gate(
    held_out: Evidence,
    labels: Ints,
    *,
    strangers: Evidence | None = None,
    left_out: Evidence | None = None,
    settings: LearnedGateSettings | None = None,
) -> LearnedGate:
    """Learn what is usual, which sign to trust, and where abstaining pays.

    Args:
        held_out: What the classifier says of prompts it was not shown.
        labels: Their categories, -1 where unknown (such rows are left out), shape (n,).
        strangers: The same of prompts that belong to no category, where there are any.
        left_out: What classifiers say of prompts whose whole category they were not shown. Where
            there are no strangers, they stand for them in the thresholds.
        settings: See there.

    Raises:
        ValueError: Without a labelled row.
    """
    settings = settings or LearnedGateSettings()
    known = labels >= 0
    if not known.any():
        raise ValueError("a gate is learned from labelled prompts, and there are none")
    probabilities, nearest = held_out.probabilities[known], held_out.nearest[known]
    top = probabilities.argmax(axis=1)
    signs = _sign_rows(probabilities, nearest)
    usual = tuple(tuple(np.quantile(sign, np.linspace(0, 1, _LEVELS)).tolist()) for sign in signs.T)
    right = top == labels[known]
    foreign = _foreign(strangers)
    weights: tuple[float, ...] = _weights(settings.familiarity)
    share = settings.strangers
    if len(foreign.top):
        weights = _learned_weights(usual, signs, foreign.signs, right)
    else:
        foreign, share = _foreign(left_out), settings.left_out
    own, other = _doubts(usual, weights, signs), _doubts(usual, weights, foreign.signs)
    gains = _Gains(
        np.concatenate([own, other]),
        np.concatenate([top, foreign.top]),
        np.concatenate([settings.worth - right, _stranger_gains(len(own), len(other), share)]),
    )
    return LearnedGate(usual, weights, _thresholds(gains, probabilities.shape[1]))


def _stranger_gains(known: int, strangers: int, share: float) -> Floats:
    """Weigh the strangers so that they have their expected share, however many examples there are."""
    weight = known * share / (1.0 - share) / max(strangers, 1)
    return np.full(strangers, weight)


class Coverage(NamedTuple):
    """One point of the risk-coverage curve."""

    coverage: float
    """Share of prompts answered by their category."""
    risk: float
    """Share of mistakes among these."""


def risk_coverage(
    uncertainty: Floats, right: npt.NDArray[np.bool_], points: int = 20
) -> list[Coverage]:
    """Return the curve (El-Yaniv and Wiener, JMLR 2010), from the surest prompts to all."""
    if not len(uncertainty):
        return []
    order = np.argsort(uncertainty, kind="stable")
    mistakes = np.cumsum(~right[order])
    counts = np.unique(np.linspace(1, len(order), points).astype(int)).tolist()
    return [Coverage(k / len(order), float(mistakes[k - 1]) / k) for k in counts]


def _signs(probabilities: Floats, nearest: float) -> tuple[float, float, float]:
    """Return familiarity, margin and negative entropy: the higher the surer."""
    entropy = float(probabilities @ np.log(probabilities + _NOTHING))
    if len(probabilities) == 1:
        return nearest, 1.0, entropy
    first = float(probabilities.max())
    second = float(np.partition(probabilities, -2)[-2])
    return nearest, first - second, entropy


def _sign_rows(probabilities: Floats, nearest: npt.NDArray[Any]) -> Floats:
    pairs = zip(probabilities, nearest.tolist(), strict=True)
    return np.array([_signs(row, near) for row, near in pairs]).reshape(len(probabilities), SIGNS)


def _log_share(usual: Sequence[float], value: float) -> float:
    """Return the logarithm of the share of known prompts that look no better.

    Below all of them it falls on in a straight line, so that the strange can still be told from
    the very strange.
    """
    last = len(usual) - 1
    below = bisect_right(usual, value)
    if below > last:
        return 0.0
    least = 0.5 / last
    if below == 0:
        spread = max(usual[last // 2] - usual[0], _NOTHING)
        return math.log(least) - (usual[0] - value) / spread
    low, high = usual[below - 1], usual[below]
    within = (value - low) / (high - low) if high > low else 0.0
    return math.log(max(least, (below - 1 + within) / last))


def _doubts(usual: Sequence[Sequence[float]], weights: Sequence[float], signs: Floats) -> Floats:
    logs = np.array(
        [[_log_share(u, v) for u, v in zip(usual, row, strict=True)] for row in signs.tolist()]
    )
    result: Floats = 1.0 - np.exp(logs.reshape(len(signs), SIGNS) @ np.array(weights))
    return result


class _Foreign(NamedTuple):
    signs: Floats
    top: Ints


def _foreign(strangers: Evidence | None) -> _Foreign:
    if strangers is None or not len(strangers.probabilities):
        return _Foreign(np.zeros((0, SIGNS)), np.zeros(0, dtype=np.intp))
    signs = _sign_rows(strangers.probabilities, strangers.nearest)
    return _Foreign(signs, strangers.probabilities.argmax(axis=1))


def _weights(familiarity: float) -> tuple[float, float, float]:
    return familiarity, (1.0 - familiarity) / 2, (1.0 - familiarity) / 2


def _learned_weights(
    usual: Sequence[Sequence[float]], signs: Floats, foreign: Floats, right: npt.NDArray[np.bool_]
) -> tuple[float, ...]:
    """Choose the share of familiarity that best tells the right from mistakes and strangers.

    The mean of two areas under the curve, so that many of the one do not hide the other.
    """
    best: tuple[float, ...] = ()
    most = -1.0
    for share in _SHARES:
        weights = _weights(share)
        own, other = _doubts(usual, weights, signs), _doubts(usual, weights, foreign)
        value = _auroc(other, own) + (_auroc(own[~right], own[right]) if not right.all() else 0.0)
        if value > most + 1e-9:
            best, most = weights, value
    return best


def _auroc(higher: Floats, lower: Floats) -> float:
    """Return how often one of ``higher`` exceeds one of ``lower``; ties count half."""
    if not len(higher) or not len(lower):
        return 0.5
    ordered = np.sort(lower)
    below = np.searchsorted(ordered, higher, side="left") + np.searchsorted(
        ordered, higher, "right"
    )
    return float(below.mean() / (2 * len(lower)))


class _Gains(NamedTuple):
    """Held-out rows: how unsure, of which category, and what abstaining would gain."""

    doubt: Floats
    top: Ints
    gain: Floats


def _thresholds(rows: _Gains, categories: int) -> tuple[float, ...]:
    """Choose for each category the threshold above which abstaining gains most.

    A category with few rows leans on all the others, as if it had twenty more rows like the
    average one.
    """
    steps = np.unique(np.quantile(rows.doubt, np.linspace(0, 1, _STEPS + 1)))
    steps = np.append(steps, 1.0)
    overall = _total_gain(rows.doubt, rows.gain, steps) / len(rows.doubt)
    thresholds = []
    for category in range(categories):
        own = rows.top == category
        gain = _total_gain(rows.doubt[own], rows.gain[own], steps) + _PRIOR_ROWS * overall
        best = np.flatnonzero(gain >= gain.max() - 1e-9)[
            -1
        ]  # of equals, the one that abstains least
        thresholds.append(float(steps[best]))
    return tuple(thresholds)


def _total_gain(doubt: Floats, gain: Floats, steps: Floats) -> Floats:
    """Return what abstaining above each step gains in all."""
    order = np.argsort(doubt, kind="stable")
    above = np.concatenate([np.cumsum(gain[order][::-1])[::-1], [0.0]])
    result: Floats = above[np.searchsorted(doubt[order], steps, side="right")]
    return result
