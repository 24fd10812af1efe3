"""One space for all that is known of a prompt: meaning, form and category."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

_NAMES = ("centre", "scale", "mean", "projection")
FAR = np.float32(4.0)
"""Features of the form are cut at so many standard deviations."""
_FORM = 0.5
"""Of their weight counts where the category is left out."""


@dataclass(frozen=True, slots=True)
class Space:
    """Joins vector, form and category probabilities, and keeps the principal axes.

    Behind them are the principal axes of vector and form alone: two prompts that say the same are
    close there, however sure the classifier was of each.

    Args:
        centre: Means of the surface features, shape (s,).
        scale: Their inverse deviations, 0 for what never varies, shape (s,).
        mean: Of the joined features, shape (d + s + C,).
        projection: Shape (d + s + C, a + b); the last b columns leave the probabilities out.
        weights: Of the vector and the probabilities.
        dimensions: Of the vector, d.
        axes: How many columns are of all features, a.
    """

    centre: FloatArray
    scale: FloatArray
    mean: FloatArray
    projection: FloatArray
    weights: tuple[float, float]
    dimensions: int
    axes: int
    _parts: tuple[FloatArray, FloatArray, FloatArray] = field(init=False, repr=False, compare=False)
    _origin: FloatArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Taken apart and weighed once, so that nothing has to be joined for a prompt.
        object.__setattr__(self, "_origin", self.mean @ self.projection)
        by_vector, by_category = map(np.float32, self.weights)
        end = self.dimensions + len(self.centre)
        parts = (
            by_vector * self.projection[: self.dimensions],
            self.projection[self.dimensions : end],
            by_category * self.projection[end:],
        )
        object.__setattr__(self, "_parts", parts)

    def __call__(
        self,
        vectors: npt.NDArray[Any],
        surfaces: FloatArray,
        probabilities: npt.NDArray[Any],
    ) -> FloatArray:
        """Return coordinates, shape (..., a + b); the arguments' leading axes are the same."""
        meaning, form, category = self._parts
        found: FloatArray = vectors.astype(np.float32, copy=False) @ meaning
        found += _cut((surfaces - self.centre) * self.scale) @ form
        found += probabilities.astype(np.float32) @ category
        found -= self._origin
        return found

    def all(self, coordinates: FloatArray) -> FloatArray:
        """Return those coordinates that all features have a part in, shape (..., a)."""
        return coordinates[..., : self.axes]

    def content(self, coordinates: FloatArray) -> FloatArray:
        """Return those of vector and form alone, shape (..., b)."""
        return coordinates[..., self.axes :]

    def without_content(self) -> Space:
        """Return the space without the axes of vector and form alone."""
        projection = np.ascontiguousarray(self.projection[:, : self.axes])
        return replace(self, projection=projection)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the parts by name."""
        return {name: getattr(self, name) for name in _NAMES}

    @classmethod
    def load(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        weights: tuple[float, float],
        categories: int,
        axes: int,
    ) -> Space:
        """Return the space of these :meth:`arrays`.

        Raises:
            KeyError: If one is missing.
            ValueError: If they do not fit together.
        """
        centre, scale, mean, projection = (
            np.ascontiguousarray(arrays[name], dtype=np.float32) for name in _NAMES
        )
        fits = projection.ndim == 2 and len(projection) > len(centre) + categories
        fits = fits and 0 < axes <= projection.shape[1]
        if not fits or mean.shape != projection.shape[:1] or centre.shape != scale.shape:
            raise ValueError("the parts of the space of prompts do not fit together")
        dimensions = len(projection) - len(centre) - categories
        return cls(centre, scale, mean, projection, weights, dimensions, axes)


def _join(
    vectors: npt.NDArray[Any],
    surfaces: FloatArray,
    probabilities: npt.NDArray[Any],
    centre: FloatArray,
    scale: FloatArray,
    weights: tuple[float, float],
) -> FloatArray:
    parts = (
        np.float32(weights[0]) * vectors.astype(np.float32, copy=False),
        _cut((surfaces - centre) * scale),
        np.float32(weights[1]) * probabilities.astype(np.float32),
    )
    return np.concatenate(parts, axis=-1)


def _cut(forms: FloatArray) -> FloatArray:
    found: FloatArray = np.minimum(np.maximum(forms, -FAR), FAR)
    return found


def fit_space(
    vectors: npt.NDArray[Any],
    surfaces: FloatArray,
    probabilities: npt.NDArray[Any],
    weights: tuple[float, float],
    axes: int,
    content_axes: int = 0,
) -> Space:
    """Find the principal axes of the joined features.

    Args:
        vectors: Unit vectors, shape (n, d).
        surfaces: Shape (n, s).
        probabilities: Shape (n, C).
        weights: Of the vector and the probabilities; a surface feature's deviation has 1.
        axes: At most this many are kept.
        content_axes: At most this many of vector and form alone.
    """
    centre = surfaces.mean(axis=0)
    deviation = surfaces.std(axis=0)
    scale = np.where(deviation > 1e-6, 1.0 / np.maximum(deviation, 1e-6), 0.0).astype(np.float32)
    joined = _join(vectors, surfaces, probabilities, centre, scale, weights)
    mean = joined.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = (joined - mean).astype(np.float64)
    plain = centred.copy()
    end = vectors.shape[1] + surfaces.shape[1]
    plain[:, vectors.shape[1] : end] *= _FORM
    plain[:, end:] = 0.0
    content = _principal(plain, content_axes)
    content[vectors.shape[1] : end] *= _FORM
    every = _principal(centred, axes)
    projection = np.hstack([every, content]).astype(np.float32)
    return Space(centre, scale, mean, projection, weights, vectors.shape[1], every.shape[1])


def _principal(centred: Floats, axes: int) -> Floats:
    """Return the principal axes, at most as many as asked for, shape (d, a)."""
    directions = np.linalg.eigh(centred.T @ centred)[1]
    kept: Floats = directions[:, ::-1][:, : min(axes, *centred.shape)]
    return kept.copy()
