"""The known/unknown gate: is this a request the categories were made for, and which of them?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from router.embedding import FloatArray

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How unsure is too unsure.

    Args:
        threshold: Above it the request goes to ``general``.
        prototypes_per_category: At most this many centres a category.
    """

    threshold: float = 0.8
    prototypes_per_category: int = 6

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for the content hash."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Gate:
    """Combines three signs of doubt into one number (COSMO's known/unknown gate, our formula).

    Args:
        prototypes: Unit vectors (P, d), several a category.
        quantiles: Similarities to the nearest prototype below which 0, 1, ..., 100 % of the
            taxonomy's own prompts lie, shape (101,).
        settings: The threshold.
    """

    prototypes: FloatArray
    quantiles: Floats
    settings: GateSettings

    def uncertainty(self, vector: FloatArray, probabilities: Floats) -> float:
        """Return 0 (sure) to 1 (knows nothing).

        The larger of two doubts: which category (the mean of normalised entropy and of one minus
        the margin between the first two), and whether any (how few of the taxonomy's own prompts
        lie as far from every prototype; only the farthest 5 % count).
        """
        if len(probabilities) == 1:
            return 0.0
        entropy = -float(probabilities @ np.log(probabilities + 1e-12))
        entropy /= float(np.log(len(probabilities)))
        first, second = np.partition(probabilities, -2)[:-3:-1]
        which = 0.5 * (entropy + 1.0 - float(first - second))
        nearest = float((self.prototypes @ vector).max())
        below = float(np.searchsorted(self.quantiles, nearest)) / (len(self.quantiles) - 1)
        novelty = max(0.0, 1.0 - below / 0.05)
        return min(1.0, max(which, novelty))


def fit_gate(vectors: FloatArray, labels: Ints, categories: int, settings: GateSettings) -> Gate:
    """Find the prototypes by spherical k-means within each category, and the quantiles."""
    centres = [
        _centres(vectors[labels == label], settings.prototypes_per_category)
        for label in range(categories)
    ]
    prototypes = np.vstack(centres)
    nearest = (vectors @ prototypes.T).max(axis=1)
    return Gate(prototypes, np.quantile(nearest.astype(np.float64), np.linspace(0, 1, 101)), settings)


def _centres(vectors: FloatArray, most: int, rounds: int = 5) -> FloatArray:
    count = max(1, min(most, len(vectors) // 12))
    centres = vectors[np.linspace(0, len(vectors) - 1, count).astype(int)]
    for _ in range(rounds):
        nearest = np.argmax(vectors @ centres.T, axis=1)
        sums = np.stack([vectors[nearest == k].sum(axis=0) for k in range(count)])
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(norms > 1e-6, sums / np.maximum(norms, 1e-6), centres)  # noqa: PLR2004
    return np.asarray(centres, dtype=np.float32)
