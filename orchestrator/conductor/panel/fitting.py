"""Learns from recorded answers how far each expert is to be believed, and agreement of each two.

A conditional logit over the options (McFadden, 1974): the log-likelihood of the right option, with
all weights drawn towards what is usual. Each prompt is shown several times with another few experts
heard, and then once more as the decisions themselves would have it: what is learnt is to hold for
the panels that are really held, which are small and begin with the strong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from orchestrator.conductor.panel.belief import Bools, Floats, Integers
from orchestrator.conductor.panel.options import OptionPrior
from orchestrator.conductor.panel.reliability import TERMS, Reliability, terms
from orchestrator.conductor.panel.simulation import play

Float32s = npt.NDArray[np.float32]

_FIRST_PRIOR = (1.5, 0.8, 0.5)
_IMPOSSIBLE = -1e9


@dataclass(frozen=True, slots=True)
class ReliabilitySettings:
    """How reliability is learnt.

    Args:
        draws: Random panels of each prompt.
        sizes: How often a panel of one, two, ... is drawn; they add up to 1.
        weight_penalty: On each expert's weights, towards what is usual.
        pair_penalty: On each pair's, towards zero.
        iterations: Of the optimiser, each time.
        prices: That the decisions are played at for the second round.
        seed: Of what is drawn.
    """

    draws: int = 2
    sizes: tuple[float, ...] = (0.4, 0.25, 0.13, 0.08, 0.05, 0.04, 0.03, 0.02)
    weight_penalty: float = 2.0
    pair_penalty: float = 30.0
    iterations: int = 60
    prices: tuple[float, ...] = (0.004, 0.001, 0.0003)
    seed: int = 0


class Record(NamedTuple):
    """Recorded answers to n questions with up to K options, by E experts.

    Args:
        qualities: The router's, of prompts it was not taught with, (n, E).
        log_priors: Of each option, from a prior not fitted on the row, ``-inf`` for none, (n, K).
        answers: Places of the options that were answered, -1 for none, (n, E).
        truths: Places of the right options, (n,).
    """

    qualities: Floats
    log_priors: Floats
    answers: Integers
    truths: Integers

    def rows(self, index: Integers) -> Record:
        """Return some of them."""
        return Record(
            self.qualities[index], self.log_priors[index], self.answers[index], self.truths[index]
        )


def fit_reliability(
    record: Record,
    experts: Sequence[str],
    costs: Floats,
    *,
    options: OptionPrior | None = None,
    settings: ReliabilitySettings | None = None,
) -> Reliability:
    """Learn reliability.

    Args:
        record: What was answered.
        experts: Ids of the columns.
        costs: Of each expert, (E,).
        options: The prior that goes with it.
        settings: How.

    Raises:
        ValueError: If there is nothing to learn from, or the parts do not fit together.
    """
    settings = settings or ReliabilitySettings()
    _check(record, experts, costs)
    silent = (record.answers < 0).mean(axis=0)
    rows, panels = _drawn(record, settings)
    start = np.concatenate([np.tile(_FIRST_PRIOR, len(experts)), np.zeros(len(experts) ** 2), [1]])
    found = _fitted(record.rows(rows), panels, start, settings)
    model = _model(found, experts, silent, options)
    every = np.arange(len(record.truths))
    for price in settings.prices:
        played = play(
            model,
            record.qualities,
            record.log_priors,
            record.answers,
            costs=costs,
            price=price,
        )
        rows, panels = np.concatenate([rows, every]), np.concatenate([panels, played.asked])
    found = _fitted(record.rows(rows), panels, found, settings)
    return _model(found, experts, silent, options)


def _check(record: Record, experts: Sequence[str], costs: Floats) -> None:
    n, count = len(record.truths), len(experts)
    if not n or not count:
        raise ValueError("reliability: there are no recorded answers to learn from")
    fits = record.qualities.shape == record.answers.shape == (n, count) == (n, len(costs))
    if not fits or len(record.log_priors) != n:
        raise ValueError("reliability: qualities, answers and costs do not fit together")
    if (record.answers >= record.log_priors.shape[1]).any():
        raise ValueError("reliability: an answer is none of the options")
    if not np.isfinite(record.log_priors[np.arange(n), record.truths]).all():
        raise ValueError("reliability: a right answer is none of the options")


def _drawn(record: Record, settings: ReliabilitySettings) -> tuple[Integers, Bools]:
    """Draw panels: good experts more often than others (Gumbel's trick)."""
    generator = np.random.default_rng(settings.seed)
    rows = np.repeat(np.arange(len(record.truths)), settings.draws)
    count = record.answers.shape[1]
    right = (record.answers == record.truths[:, None]).mean(axis=0)
    liking = 6.0 * (right - right.max()) + generator.gumbel(size=(len(rows), count))
    ranks = (-liking).argsort(axis=1).argsort(axis=1)
    count_of = np.arange(1, len(settings.sizes) + 1)
    sizes = generator.choice(count_of, p=settings.sizes, size=len(rows))
    return rows, ranks < sizes[:, None]


def _fitted(record: Record, panels: Bools, start: Floats, settings: ReliabilitySettings) -> Floats:
    from scipy.optimize import minimize

    experts = panels.shape[1]
    logit = _Logit(record, panels)
    prior = np.concatenate([np.tile(_FIRST_PRIOR, experts), np.zeros(experts**2), [1.0]])
    penalty = np.concatenate(
        [
            np.full(TERMS * experts, settings.weight_penalty),
            np.full(experts**2, settings.pair_penalty),
            [0.01],
        ]
    )

    def loss(weights: Floats) -> tuple[float, Floats]:
        value, gradient = logit(weights)
        apart = weights - prior
        return value + 0.5 * float((penalty * apart**2).sum()), gradient + penalty * apart

    limits = {"maxiter": settings.iterations}
    found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", options=limits).x
    return found


class _Logit:
    """Minus the log-likelihood of the right options, and its gradient."""

    def __init__(self, record: Record, panels: Bools) -> None:
        count = record.log_priors.shape[1]
        answers = np.where(panels, record.answers, -1)
        self._votes = (answers[:, None, :] == np.arange(count)[:, None]).astype(np.float32)
        self._terms = terms(record.qualities).astype(np.float32)
        self._possible = np.isfinite(record.log_priors)
        self._prior = np.where(self._possible, record.log_priors, 0.0)
        self._right = np.arange(len(answers)), record.truths
        self._apart = (1.0 - np.eye(panels.shape[1])).astype(np.float32)

    def __call__(self, weights: Floats) -> tuple[float, Floats]:
        by_expert, pairs, trust = _split(weights, self._terms.shape[1])
        boosts = (self._terms * by_expert.astype(np.float32)).sum(axis=-1)
        agreed = self._votes @ (0.5 * (pairs + pairs.T) * self._apart).astype(np.float32)
        scores = (self._votes * (boosts[:, None, :] + agreed)).sum(axis=-1) + trust * self._prior
        scores = np.where(self._possible, scores, _IMPOSSIBLE)
        scores -= scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        chances /= chances.sum(axis=1, keepdims=True)
        loss = -float(np.log(chances[self._right] + 1e-12).sum())
        chances[self._right] -= 1.0
        return loss, self._gradient(chances)

    def _gradient(self, errors: Floats) -> Floats:
        narrow = errors.astype(np.float32)
        of_boosts = (narrow[:, None, :] @ self._votes)[:, 0, :]
        of_weights = (of_boosts[:, :, None] * self._terms).sum(axis=0)
        flat = self._votes.reshape(-1, self._votes.shape[-1])
        of_pairs = ((flat * narrow.reshape(-1, 1)).T @ flat) * self._apart
        of_trust = float((errors * self._prior).sum())
        return np.concatenate([of_weights.ravel(), of_pairs.ravel(), [of_trust]]).astype(np.float64)


def _split(weights: Floats, experts: int) -> tuple[Floats, Floats, float]:
    end = TERMS * experts
    return (
        weights[:end].reshape(experts, TERMS),
        weights[end:-1].reshape(experts, experts),
        float(weights[-1]),
    )


def _model(
    weights: Floats, experts: Sequence[str], silent: Floats, options: OptionPrior | None
) -> Reliability:
    by_expert, pairs, trust = _split(weights, len(experts))
    # A pair's term is counted once for either of its two, hence twice.
    both = (pairs + pairs.T) * (1.0 - np.eye(len(experts)))
    return Reliability(tuple(experts), by_expert, both, silent, trust, options)


def usual_pair(model: Reliability) -> float:
    """Return the mean of what agreement takes away, over all pairs."""
    count = len(model.experts)
    return float(model.pairs.sum() / max(count * (count - 1), 1))
