"""Regularised heads on category probabilities and on similarities to landmark prompts.

Kernel ridge regression (the mean of a Gaussian process) with two kernels: a linear one of the
probabilities, and a Gaussian one of everything known of the prompt, in the subspace of some
landmarks (Williams and Seeger, "Using the Nystroem method to speed up kernel machines", 2000). The
second falls to zero with the distance to everything that was shown, so that of a strange prompt
only its category is left. Both are fitted together: fitted on what the categories leave over, the
second would be held against its own rows' part in the category's mean, and look useless.

The experts share most of what makes a prompt hard, so the targets are rotated to their principal
components first, and every component has a penalty of its own: what cannot be predicted is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.quality.kernel import FloatArray, Kernel, kernel
from router.quality.ridge import Ridge

Floats = npt.NDArray[np.float64]

_SMALLEST_EIGENVALUE = 1e-6
_ROUNDS = 10
"""Of filling missing targets with what is expected of them."""


@dataclass(frozen=True, slots=True)
class Heads:
    """Weighs similarities to landmarks.

    Args:
        landmarks: Similarity to m prompts.
        weights: Shape (m, R), R components.
        categories: Weights of the probabilities, shape (C, R).
    """

    landmarks: Kernel
    weights: FloatArray
    categories: FloatArray

    def __call__(self, coordinates: FloatArray, probabilities: Floats) -> FloatArray:
        """Return components of score less the expert's mean, shape (..., R).

        Args:
            coordinates: Of the prompt, shape (..., a).
            probabilities: Of its categories, shape (..., C).
        """
        found: FloatArray = self.landmarks(coordinates) @ self.weights
        found += probabilities.astype(np.float32) @ self.categories
        return found

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the parts by name."""
        return {
            "landmarks": self.landmarks.points,
            "weights": self.weights,
            "categories": self.categories,
        }

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], sharpness: float) -> Heads:
        """Return the heads of these :meth:`arrays`.

        Raises:
            KeyError: If one is missing.
            ValueError: If they do not fit together.
        """
        landmarks, weights, categories = (
            np.ascontiguousarray(arrays[name], dtype=np.float32)
            for name in ("landmarks", "weights", "categories")
        )
        if not (landmarks.ndim == weights.ndim == categories.ndim == 2) or (
            len(landmarks) != len(weights) or categories.shape[1] != weights.shape[1]
        ):
            raise ValueError("landmarks and weights of the heads do not fit together")
        return cls(kernel(landmarks, sharpness), weights, categories)


class FittedHeads(NamedTuple):
    """Heads, and what they would say of each row had it been left out."""

    heads: Heads
    held_out: Floats
    """Shape (n, R)."""
    penalties: Floats
    """The one chosen for each component, infinite where nothing can be predicted, shape (R,)."""


def fit_heads(
    coordinates: FloatArray,
    probabilities: Floats,
    deviations: Floats,
    components: Floats,
    *,
    landmarks: int,
    sharpness: float,
    category_share: float,
    generator: np.random.Generator,
) -> FittedHeads:
    """Learn what to expect of the experts.

    Args:
        coordinates: Of the prompts, shape (n, a).
        probabilities: Of their categories, shape (n, C).
        deviations: Score less the expert's mean, NaN where not measured, shape (n, E).
        components: Orthonormal columns, shape (E, R).
        landmarks: At most this many, drawn from the prompts.
        sharpness: Of the similarities.
        category_share: How much categories are expected to explain, as a multiple of the rest.
        generator: Draws the landmarks.
    """
    count = min(landmarks, len(coordinates))
    rows = np.sort(generator.choice(len(coordinates), count, replace=False))
    chosen = coordinates[rows]
    similar_to = kernel(chosen, sharpness)
    values, axes = np.linalg.eigh(similar_to(chosen).astype(np.float64))
    kept = values > _SMALLEST_EIGENVALUE * values.max()
    map_ = axes[:, kept] / np.sqrt(values[kept])
    scale = category_share**0.5
    similar = similar_to(coordinates).astype(np.float64) @ map_
    solver = Ridge(np.hstack([scale * probabilities, similar]))
    known = ~np.isnan(deviations)
    targets = np.where(known, deviations, 0.0) @ components
    penalties = solver.choose(targets, known.mean(axis=1))
    for _ in range(0 if known.all() else _ROUNDS):
        # Expectation and maximisation: a score that is missing is what the heads expect it to be.
        fitted = solver.predictions(targets, penalties)[0] @ components.T
        targets = np.where(known, deviations, fitted) @ components
    found = solver.weights(targets, penalties)
    categories = probabilities.shape[1]
    parts = {
        "landmarks": chosen,
        "weights": map_ @ found[categories:],
        "categories": scale * found[:categories],
    }
    held_out = solver.predictions(targets, penalties)[1]
    return FittedHeads(Heads.load(parts, sharpness), held_out, penalties)
