"""The same prediction for one prompt, worked out in as few steps as can be.

On vectors this short nearly all time goes into starting numpy's operations, not into arithmetic.
So everything linear is put together beforehand: scaling and centring go into the projection, a
coordinate that is always 1 carries constants through the next product, and what leads from
components to experts is multiplied into what leads to components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from router.quality.curve import FAR as BENT
from router.quality.kernel import FloatArray
from router.quality.scores import Floats
from router.quality.space import FAR, Space
from router.quality.surface import surface

if TYPE_CHECKING:
    from router.quality.model import QualityModel

_ONE = np.ones(1, dtype=np.float32)

_MANY = 64
"""With more experts than this, going by components is less work."""


class SinglePrompt:
    """Predicts as :meth:`QualityModel.many` does, but for rounding.

    Args:
        model: What was learnt.
        most: Categories that the table is averaged over at most.
    """

    def __init__(self, model: QualityModel, most: int) -> None:
        space, heads, curve = model.space, model.heads, model.curve
        self._low, self._high = _limits(space)
        self._projection = _projection(space)
        self._axes = space.axes + 1
        landmarks = heads.landmarks
        self._sharpness = np.float32(landmarks.sharpness)
        self._landmarks = np.hstack(
            [2.0 * self._sharpness * landmarks.points, -landmarks.squares[:, None]]
        ).astype(np.float32)
        by_table, by_heads = model.blend
        folded = len(model.experts) <= _MANY
        onward = np.eye(len(model.components), dtype=np.float32)
        self._onward = None if folded else model.components
        to = model.components if folded else onward
        self._heads = np.ascontiguousarray(np.float32(by_heads) * heads.weights @ to)
        usual = (1.0 - by_table) * model.means
        told = by_heads * (heads.categories.astype(np.float64) @ model.components)
        table = by_table * model.category_scores.mean + usual
        # Probabilities sum to one, so that what is added to every category is added once.
        self._together = table + told if len(table) <= most else None
        self._table, self._told, self._most = table, told, most
        self._curve = curve.weights.astype(np.float64) @ model.components
        self._centre, self._scale = curve.centre, curve.scale
        self._neighbours, self._components = model.neighbours, model.components
        self._count = len(model.experts)

    def __call__(self, text: str, vector: FloatArray, probabilities: Floats) -> Floats:
        """Return the expected quality of each expert; see :meth:`QualityModel.__call__`."""
        form = np.minimum(np.maximum(surface(text), self._low), self._high)
        joined = np.concatenate((vector, form, probabilities, _ONE), dtype=np.float32)
        coordinates = joined @ self._projection
        own = coordinates[: self._axes]
        similar = self._landmarks @ own
        similar -= self._sharpness * (own @ own - np.float32(1.0))
        told = np.exp(similar, out=similar) @ self._heads
        quality = self._by_category(probabilities)
        quality += told if self._onward is None else told @ self._onward
        mean = float(np.add.reduce(quality)) / self._count
        bend = min(max((mean - self._centre) * self._scale, -BENT), BENT)
        quality += np.array((1.0, bend, bend * bend)) @ self._curve
        if self._neighbours is not None:
            said, evidence = self._neighbours(coordinates[self._axes :])
            if evidence > 0.0:
                quality += said @ self._components
        result: Floats = np.minimum(np.maximum(quality, 0.0), 1.0)
        return result

    def _by_category(self, probabilities: Floats) -> Floats:
        if self._together is not None:
            return probabilities @ self._together
        likely = probabilities.argpartition(-self._most)[-self._most :]
        weights = probabilities[likely]
        found: Floats = (weights / weights.sum()) @ self._table[likely]
        found += probabilities @ self._told
        return found


def _limits(space: Space) -> tuple[FloatArray, FloatArray]:
    """Return between which values each feature of the form stays, both (s,).

    What never varied has a scale of 0, and counts for nothing whatever it is.
    """
    varies = space.scale > 0.0
    reach = np.where(varies, FAR / np.where(varies, space.scale, 1.0), 0.0)
    return (space.centre - reach).astype(np.float32), (space.centre + reach).astype(np.float32)


def _projection(space: Space) -> FloatArray:
    """Return what leads from vector, form, probabilities and a 1 to both kinds of coordinates.

    Shape (d + s + C + 1, a + 1 + b): behind the first kind stands a coordinate that is always 1.
    """
    end = space.dimensions + len(space.centre)
    rows = space.projection.astype(np.float64)
    rows[: space.dimensions] *= space.weights[0]
    rows[space.dimensions : end] *= space.scale[:, None].astype(np.float64)
    rows[end:] *= space.weights[1]
    constant = -space.mean.astype(np.float64) @ space.projection
    constant -= space.centre.astype(np.float64) @ rows[space.dimensions : end]
    joined = np.vstack([rows, constant])
    one = np.zeros((len(joined), 1))
    one[-1] = 1.0
    parts = [joined[:, : space.axes], one, joined[:, space.axes :]]
    return np.ascontiguousarray(np.hstack(parts), dtype=np.float32)
