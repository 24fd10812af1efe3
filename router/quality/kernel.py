"""Gaussian similarity to stored prompts, in few passes: it is most of what a prediction costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Kernel:
    """``exp(-sharpness * distance^2)`` to some points.

    Args:
        points: Coordinates, shape (m, a).
        squares: Sharpness times their squared lengths, shape (m,).
        sharpness: How fast the similarity falls off.
    """

    points: FloatArray
    squares: FloatArray
    sharpness: float

    def __call__(self, coordinates: FloatArray) -> FloatArray:
        """Return similarities, 0 to 1, shape (..., m), of coordinates of shape (..., a)."""
        exponents = coordinates @ self.points.T
        exponents *= np.float32(2.0 * self.sharpness)
        exponents -= self.squares
        own = np.einsum("...i,...i->...", coordinates, coordinates)[..., None]
        exponents -= np.float32(self.sharpness) * own
        np.minimum(exponents, np.float32(0.0), out=exponents)  # rounding
        found: FloatArray = np.exp(exponents, out=exponents)
        return found


def kernel(points: FloatArray, sharpness: float) -> Kernel:
    """Return the kernel to these points."""
    squares = np.float32(sharpness) * np.einsum("ij,ij->i", points, points)
    return Kernel(points, squares.astype(np.float32), sharpness)
