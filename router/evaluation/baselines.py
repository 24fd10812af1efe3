"""Peers' methods, re-implemented, to be compared with in the same run on the same vectors.

All have one interface: settings with a ``fit`` that takes the training vectors and scores, and
returns a function from vectors to the predicted quality of each expert. Fitting is deterministic
by seed. None of this is used to decide: it is what the router is measured against.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from router.evaluation.metrics import Floats, Ints, expert_quality

Vectors = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Predict = Callable[[Vectors], Floats]
"""From unit vectors (n, d) to the predicted quality of each expert, (n, E)."""

_BLOCK = 512  # prompts compared with all training rows at a time


class Baseline(Protocol):
    """A method of predicting the quality of experts from an embedding."""

    def fit(self, vectors: Vectors, scores: Floats, *, seed: int = 0) -> Predict:
        """Learn from unit vectors (m, d) and scores (m, E), NaN where not measured."""
        ...


@dataclass(frozen=True, slots=True)
class RandomExpert:
    """Expects anything of anybody: choices at random."""

    def fit(self, vectors: Vectors, scores: Floats, *, seed: int = 0) -> Predict:  # noqa: ARG002 (interface)
        """Return a function that draws anew for each prompt, the same for the same seed."""
        experts = scores.shape[1]
        return lambda asked: np.random.default_rng(seed).random((len(asked), experts))


@dataclass(frozen=True, slots=True)
class Majority:
    """Expects of each expert its mean quality: always the best single one."""

    def fit(self, vectors: Vectors, scores: Floats, *, seed: int = 0) -> Predict:  # noqa: ARG002 (interface)
        """Learn the means."""
        return _always(np.nan_to_num(expert_quality(scores)))


@dataclass(frozen=True, slots=True)
class Largest:
    """Always the largest expert.

    Args:
        active_parameters: In billions, (E,).
    """

    active_parameters: Floats

    def fit(self, vectors: Vectors, scores: Floats, *, seed: int = 0) -> Predict:  # noqa: ARG002 (interface)
        """Learn nothing."""
        size = np.nan_to_num(self.active_parameters)
        return _always((size == size.max()).astype(np.float64))


def _always(row: Floats) -> Predict:
    return lambda asked: np.tile(row, (len(asked), 1))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Mean quality on the nearest training prompts ("kNN routers", arXiv 2505.12601).

    Args:
        k: Neighbours.
    """

    k: int = 100

    def fit(self, vectors: Vectors, scores: Floats, *, seed: int = 0) -> Predict:  # noqa: ARG002 (interface)
        """Keep the training prompts."""
        filled, known = _filled(scores)
        k = min(self.k, len(vectors))

        def predict(asked: Vectors) -> Floats:
            found = np.empty((len(asked), scores.shape[1]))
            for rows in _blocks(len(asked)):
                near = np.argpartition(-(asked[rows] @ vectors.T), k - 1, axis=1)[:, :k]
                counts = known[near].sum(axis=1)
                found[rows] = (filled[near] * known[near]).sum(axis=1) / np.maximum(counts, 1)
            return found

        return predict


@dataclass(frozen=True, slots=True)
class Regions:
    """k-means regions with the mean quality of each expert (Avengers-Pro, arXiv 2508.12631).

    A prompt's quality is averaged over its nearest regions, weighted by a softmax of similarity.

    Args:
        regions: Number of clusters.
        nearest: Regions averaged over.
        sharpness: Of the softmax.
        rounds: Of k-means.
        performance_weight: The paper's alpha. At 1 the result is the quality. Below, it is
            ``alpha * quality + (1 - alpha) * (1 - cost)``, both scaled to 0..1 within a region.
        costs: Cost of each expert, (E,); needed where the weight is below 1.
    """

    regions: int = 60
    nearest: int = 4
    sharpness: float = 10.0
    rounds: int = 25
    performance_weight: float = 1.0
    costs: Floats | None = None

    def fit(self, vectors: Vectors, scores: Floats, *, seed: int = 0) -> Predict:
        """Cluster the training prompts and average the scores of each cluster.

        Raises:
            ValueError: Where costs are to count and are not given.
        """
        if self.performance_weight < 1.0 and self.costs is None:
            raise ValueError("Regions: a performance weight below 1 needs costs")
        centres, labels = _k_means(vectors, self.regions, self.rounds, seed)
        filled, known = _filled(scores)
        member = (labels == np.arange(len(centres))[:, None]).astype(np.float64)
        overall = np.nan_to_num(expert_quality(scores))
        counts = member @ known
        table = np.where(counts > 0, member @ (filled * known) / np.maximum(counts, 1), overall)
        if self.costs is not None and self.performance_weight < 1.0:
            dear = _unit_range(np.tile(self.costs, (len(table), 1)))
            table = self.performance_weight * _unit_range(table)
            table += (1.0 - self.performance_weight) * (1.0 - dear)
        count = min(self.nearest, len(centres))

        def predict(asked: Vectors) -> Floats:
            similar = np.asarray(asked @ centres.T, dtype=np.float64)
            floor = np.partition(similar, -count, axis=1)[:, [-count]]
            weights = np.exp(self.sharpness * (similar - similar.max(axis=1, keepdims=True)))
            weights[similar < floor] = 0.0
            found: Floats = weights @ table / weights.sum(axis=1, keepdims=True)
            return found

        return predict


@dataclass(frozen=True, slots=True)
class MatrixFactorisation:
    """Bilinear score of expert and prompt, learnt from who beats whom (RouteLLM, 2406.18665).

    The paper's ``delta(e, q) = w . (v_e * (W q + b))`` with a logistic loss on pairs, here for any
    number of experts: every pair of experts on every prompt, ties one half. As ``w`` and ``v`` only
    appear as a product, they are one matrix. Returned is the mean chance of winning against the
    others, which for two experts is the paper's win rate.

    Args:
        rank: Width of the bottleneck.
        steps: Of Adam, on all prompts at once.
        rate: Learning rate.
        decay: Weight decay. High, and few steps: chosen in this method's favour on MMLU-Pro.
    """

    rank: int = 32
    steps: int = 60
    rate: float = 0.01
    decay: float = 1.0

    def fit(self, vectors: Vectors, scores: Floats, *, seed: int = 0) -> Predict:
        """Learn by gradient descent."""
        rng = np.random.default_rng(seed)
        extended = _with_one(vectors)
        experts, width = scores.shape[1], extended.shape[1]
        weights = [
            rng.normal(0.0, 0.1, (experts, self.rank)),
            rng.normal(0.0, width**-0.5, (self.rank, width)),
        ]
        wins, played = _duels(scores)
        moments = [(np.zeros_like(w), np.zeros_like(w)) for w in weights]
        for step in range(1, self.steps + 1):
            hidden = extended @ weights[1].T
            slope = _duel_slope(hidden @ weights[0].T, wins, played)
            gradients = [slope.T @ hidden, (slope @ weights[0]).T @ extended]
            for index, gradient in enumerate(gradients):
                _adam(weights[index], gradient / len(extended), moments[index], step, self)
        both = weights[1].T @ weights[0].T
        return lambda asked: _mean_win_rate(_with_one(asked) @ both)


@dataclass(frozen=True, slots=True)
class SimilarityRanking:
    """A Bradley-Terry ranking for each prompt, similar training prompts counting more (RouteLLM).

    Training prompt i weighs ``base ** (1 + s_i / max_j s_j)`` with s the cosine similarity to the
    prompt asked. For two experts the strength has a closed form, which the iteration meets at once.
    Returned is the mean chance of winning against the others.

    Args:
        base: The paper's gamma.
        rounds: Of the minorise-maximise iteration (Hunter, "MM algorithms for generalized
            Bradley-Terry models", 2004).
    """

    base: float = 10.0
    rounds: int = 60

    def fit(self, vectors: Vectors, scores: Floats, *, seed: int = 0) -> Predict:  # noqa: ARG002 (interface)
        """Keep who beat whom on each training prompt."""
        wins, played = _duels(scores)
        experts = scores.shape[1]
        flat_wins = (wins * played).reshape(len(vectors), -1)
        flat_played = played.reshape(len(vectors), -1)

        def predict(asked: Vectors) -> Floats:
            found = np.empty((len(asked), experts))
            for rows in _blocks(len(asked)):
                similar = np.asarray(asked[rows] @ vectors.T, dtype=np.float64)
                top = np.maximum(similar.max(axis=1, keepdims=True), 1e-9)
                weights = self.base ** (1.0 + similar / top)
                shape = (len(similar), experts, experts)
                strength = _bradley_terry(
                    (weights @ flat_wins).reshape(shape),
                    (weights @ flat_played).reshape(shape),
                    self.rounds,
                )
                found[rows] = _mean_win_rate(np.log(strength))
            return found

        return predict


def performance_cost(predicted: Floats, costs: Floats, weight: float) -> Ints:
    """Return the choices of Avengers-Pro for one performance weight, (n,).

    Args:
        predicted: Quality of each expert, (n, E).
        costs: (E,) or (n, E).
        weight: 1 looks at quality alone, 0 at cost alone; both scaled to 0..1 over the experts.
    """
    cheap = 1.0 - _unit_range(np.broadcast_to(costs, predicted.shape))
    result: Ints = (weight * _unit_range(predicted) + (1.0 - weight) * cheap).argmax(axis=1)
    return result


def _unit_range(values: Floats) -> Floats:
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    result: Floats = (values - low) / np.where(high > low, high - low, 1.0)
    return result


def _filled(scores: Floats) -> tuple[Floats, Floats]:
    """Return scores with zeros where not measured, and 1 where measured, (m, E) both."""
    known = np.isfinite(scores)
    return np.where(known, scores, 0.0), known.astype(np.float64)


def _blocks(n: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, n, _BLOCK)]


def _with_one(vectors: Vectors) -> Floats:
    return np.hstack((vectors, np.ones((len(vectors), 1)))).astype(np.float64)


def _k_means(vectors: Vectors, most: int, rounds: int, seed: int) -> tuple[Vectors, Ints]:
    """Cluster unit vectors by Lloyd's algorithm from k-means++ seeds (Arthur, 2007)."""
    rng = np.random.default_rng(seed)
    count = min(most, len(vectors))
    picked = [int(rng.integers(len(vectors)))]
    distance = np.full(len(vectors), np.inf)
    while len(picked) < count:
        last = 2.0 - 2.0 * (vectors @ vectors[picked[-1]])
        distance = np.minimum(distance, np.maximum(last.astype(np.float64), 0.0))
        total = distance.sum()
        if total <= 1e-9:
            break  # fewer different prompts than regions
        picked.append(int(rng.choice(len(vectors), p=distance / total)))
    centres = vectors[picked]
    labels: Ints = (vectors @ centres.T).argmax(axis=1)
    for _ in range(rounds):
        member = (labels == np.arange(len(centres))[:, None]).astype(vectors.dtype)
        sums = member @ vectors
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(norms > 1e-9, sums / np.maximum(norms, 1e-9), centres)
        moved: Ints = (vectors @ centres.T).argmax(axis=1)
        if (moved == labels).all():
            break
        labels = moved
    return centres, labels


def _duels(scores: Floats) -> tuple[Floats, Floats]:
    """Return who won (1, 0, tie .5) and who played, (m, E, E) both, nobody against itself."""
    both = np.isfinite(scores[:, :, None]) & np.isfinite(scores[:, None, :])
    both &= ~np.eye(scores.shape[1], dtype=bool)
    filled = np.nan_to_num(scores)
    ahead = np.sign(filled[:, :, None] - filled[:, None, :])
    return 0.5 + 0.5 * ahead, both.astype(np.float64)


def _sigmoid(values: Floats) -> Floats:
    result: Floats = 0.5 + 0.5 * np.tanh(0.5 * values)
    return result


def _duel_slope(delta: Floats, wins: Floats, played: Floats) -> Floats:
    """Return the gradient of the mean logistic loss over pairs, by delta, (m, E)."""
    chance = _sigmoid(delta[:, :, None] - delta[:, None, :])
    result: Floats = ((chance - wins) * played).sum(axis=2) / max(delta.shape[1] - 1, 1)
    return result


def _adam(
    weights: Floats,
    gradient: Floats,
    moments: tuple[Floats, Floats],
    step: int,
    settings: MatrixFactorisation,
) -> None:
    """Take a step in place (Kingma and Ba, 2015; decoupled decay: Loshchilov and Hutter, 2019)."""
    first, second = moments
    first += 0.1 * (gradient - first)
    second += 0.001 * (gradient**2 - second)
    scaled = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    weights -= settings.rate * (scaled + settings.decay * weights)


def _bradley_terry(wins: Floats, played: Floats, rounds: int) -> Floats:
    """Return strengths (n, E) from weighted wins and games, (n, E, E) both."""
    won = wins.sum(axis=2) + 1e-9
    strength = np.ones(won.shape)
    for _ in range(rounds):
        below = (played / (strength[:, :, None] + strength[:, None, :])).sum(axis=2)
        strength = won / np.maximum(below, 1e-12)
        strength /= np.exp(np.log(strength).mean(axis=1, keepdims=True))
    result: Floats = strength
    return result


def _mean_win_rate(delta: Floats) -> Floats:
    """Return each expert's mean chance of beating another, (n, E)."""
    experts = delta.shape[1]
    chances = _sigmoid(delta[:, :, None] - delta[:, None, :]).sum(axis=2) - 0.5
    result: Floats = chances / max(experts - 1, 1)
    return result
