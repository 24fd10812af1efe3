"""How the differences between experts bend with what a prompt asks of all of them.

An easy prompt is answered by every expert and a hopeless one by none, so that they differ most in
between: item response theory (Lord, "Applications of Item Response Theory", 1980) has one curve for
each. Heads are sums and know no such bend; here a parabola over the expected mean score, for each
component of the differences, makes up for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.quality.kernel import FloatArray
from router.quality.ridge import Ridge

Floats = npt.NDArray[np.float64]

FAR = 2.5
"""Deviations from the usual difficulty beyond which nothing bends any more."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A parabola over the expected mean score of all experts.

    Args:
        centre: The mean score that is usual.
        scale: One over its deviation, 0 where it never varies.
        weights: Of 1, the deviation and its square, shape (3, R).
    """

    centre: float
    scale: float
    weights: FloatArray

    def __call__(self, means: npt.NDArray[Any]) -> FloatArray:
        """Return components of what is to be added, shape (..., R).

        Args:
            means: Expected score, averaged over the experts, shape (...).
        """
        return _powers(means, self.centre, self.scale).astype(np.float32) @ self.weights

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the parts by name."""
        return {"weights": self.weights, "range": np.array([self.centre, self.scale])}

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Curve:
        """Return the curve of these :meth:`arrays`.

        Raises:
            KeyError: If one is missing.
            ValueError: If they do not fit together.
        """
        weights = np.ascontiguousarray(arrays["weights"], dtype=np.float32)
        if weights.ndim != 2 or len(weights) != 3 or arrays["range"].shape != (2,):
            raise ValueError("the parts of the curve of difficulty do not fit together")
        centre, scale = arrays["range"].tolist()
        return cls(centre, scale, weights)


class FittedCurve(NamedTuple):
    """A curve, and what it would say of each row had it been left out."""

    curve: Curve
    held_out: Floats
    """Shape (n, R)."""


def fit_curve(means: Floats, outcomes: Floats) -> FittedCurve:
    """Fit a curve to what is left over; it is flat for the components that it does not help.

    Args:
        means: Expected score of each row, averaged over the experts, shape (n,).
        outcomes: Components of score less what was expected without the row, shape (n, R).
    """
    centre, deviation = float(means.mean()), float(means.std())
    scale = 1.0 / deviation if deviation > 1e-6 else 0.0
    powers = _powers(means, centre, scale)
    usual = powers[:, 1:].mean(axis=0)
    ridge = Ridge(powers[:, 1:] - usual)
    penalties = ridge.choose(outcomes, np.ones(len(outcomes)))
    bends = ridge.weights(outcomes, penalties)
    weights = np.vstack([-usual @ bends, bends]).astype(np.float32)
    return FittedCurve(Curve(centre, scale, weights), ridge.predictions(outcomes, penalties)[1])


def _powers(means: npt.NDArray[Any], centre: float, scale: float) -> Floats:
    """Return 1, the deviation and its square, shape (..., 3)."""
    deviation = np.minimum(np.maximum((means - centre) * scale, -FAR), FAR)
    return np.stack([np.ones_like(deviation), deviation, deviation * deviation], axis=-1)
