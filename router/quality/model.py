"""Expected quality of each expert on one prompt: its category's scores, corrected by evidence.

    plain(x)   = mean + blend_0 * (sum_c p(c|x) table(c) - mean) + blend_1 * heads(x) @ components
    quality(x) = plain(x) + (curve(mean over experts of plain(x)) + neighbours(x)) @ components

Table and heads are weighed by how well they predicted rows that were left out, and the less there
is to go by, the more the table is trusted. The curve bends differences with the difficulty of the
prompt. Neighbours add what is known of nearly the same prompts, and vanish elsewhere. So with
little evidence this is the soft two-step router, and with more it improves on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from router.embedding import FloatArray
from router.quality.curve import Curve
from router.quality.heads import Heads
from router.quality.neighbours import Neighbours
from router.quality.scores import Floats, ScoreTable
from router.quality.single import SinglePrompt
from router.quality.space import Space
from router.quality.surface import NAMES, surfaces

MAX_MIXED = 16
"""The table is averaged over at most this many categories, the most probable ones."""


@dataclass(frozen=True, slots=True)
class QualityModel:
    """What each expert's answer to a prompt can be expected to be worth.

    Args:
        experts: Ids, in the order of the columns.
        category_scores: By category; what mappings are solved on.
        space: From what is known of a prompt to coordinates.
        heads: Learnt for the single prompt.
        curve: How differences bend with difficulty.
        neighbours: Prompts nearly the same; ``None`` where they do not help.
        components: From differences to experts, shape (R, E).
        means: Of each expert's scores, shape (E,).
        blend: Weights of table and heads.
    """

    experts: tuple[str, ...]
    category_scores: ScoreTable
    space: Space
    heads: Heads
    curve: Curve
    neighbours: Neighbours | None
    components: FloatArray
    means: Floats
    blend: tuple[float, float]
    _single: SinglePrompt = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_fit(self)
        object.__setattr__(self, "_single", SinglePrompt(self, MAX_MIXED))

    def __call__(self, text: str, vector: FloatArray, probabilities: Floats) -> Floats:
        """Return the expected quality (0..1) of each expert on one prompt, shape (E,).

        Args:
            text: The prompt.
            vector: The embedder's vector of it, shape (d,).
            probabilities: Of its categories, shape (C,).
        """
        return self._single(text, vector, probabilities)

    def many(self, texts: Sequence[str], vectors: FloatArray, probabilities: Floats) -> Floats:
        """Return the expected quality of each expert on several prompts, shape (n, E)."""
        coordinates = self.space(vectors, surfaces(texts), probabilities)
        near = np.zeros((len(texts), len(self.components)), dtype=np.float32)
        if self.neighbours is not None:
            for row, place in enumerate(coordinates):
                near[row] = self.neighbours(self.space.content(place)).components
        return self.expected(self.plain(coordinates, probabilities), near)

    def plain(self, coordinates: FloatArray, probabilities: Floats) -> Floats:
        """Return what table and heads expect, shape (..., E).

        Args:
            coordinates: Of the prompt in the space, shape (..., a).
            probabilities: Of its categories, shape (..., C).
        """
        base = _mixed(self.category_scores.mean, probabilities)
        told = self.heads(self.space.all(coordinates), probabilities) @ self.components
        found: Floats = self.means + self.blend[0] * (base - self.means) + self.blend[1] * told
        return found

    def expected(self, plain: Floats, near: npt.NDArray[Any]) -> Floats:
        """Return the expected quality on several prompts, shape (n, E).

        Args:
            plain: What table and heads expect, shape (n, E).
            near: What their neighbours add, shape (n, R).
        """
        told = self.curve(plain.mean(axis=-1)) + near.astype(np.float32)
        return _within_bounds(plain + told @ self.components)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything learnt, by name, for an artefact."""
        parts = {
            "scores": self.category_scores.arrays(),
            "space": self.space.arrays(),
            "heads": self.heads.arrays(),
            "curve": self.curve.arrays(),
            "neighbours": self.neighbours.arrays() if self.neighbours else {},
        }
        named = {f"{part}.{name}": a for part, own in parts.items() for name, a in own.items()}
        return {**named, "components": self.components, "means": self.means}

    def settings(self) -> dict[str, Any]:
        """Return everything else, as plain JSON data."""
        near = self.neighbours
        return {
            "weights": list(self.space.weights),
            "axes": self.space.axes,
            "sharpness": self.heads.landmarks.sharpness,
            "blend": list(self.blend),
            "neighbours": {"sharpness": near.sharpness, "prior": near.prior} if near else None,
        }

    @classmethod
    def load(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        settings: Mapping[str, Any],
        experts: Sequence[str],
    ) -> QualityModel:
        """Return the model of these :meth:`arrays` and :meth:`settings`: the same to the last bit.

        Raises:
            KeyError: If a part is missing.
            ValueError: If the parts do not fit together.
        """
        parts: dict[str, dict[str, npt.NDArray[Any]]] = {}
        for key, array in arrays.items():
            part, _, name = key.partition(".")
            parts.setdefault(part, {})[name] = array
        near = settings["neighbours"]
        table = ScoreTable.load(parts["scores"])
        first, second = settings["weights"]
        by_table, by_heads = settings["blend"]
        return cls(
            experts=tuple(experts),
            category_scores=table,
            space=Space.load(
                parts["space"],
                (float(first), float(second)),
                len(table.mean),
                int(settings["axes"]),
            ),
            heads=Heads.load(parts["heads"], float(settings["sharpness"])),
            curve=Curve.load(parts["curve"]),
            neighbours=None
            if near is None
            else Neighbours.load(
                parts["neighbours"], float(near["sharpness"]), float(near["prior"])
            ),
            components=np.ascontiguousarray(arrays["components"], dtype=np.float32),
            means=np.ascontiguousarray(arrays["means"], dtype=np.float64),
            blend=(float(by_table), float(by_heads)),
        )


def _check_fit(model: QualityModel) -> None:
    """Raise ValueError where one part's output is not the next one's input."""
    count, axes = model.components.shape[0], model.space.axes
    near = model.neighbours
    content = near.cells.coordinates.shape[1] if near else 0
    fits = (
        model.components.shape == (count, len(model.experts))
        and model.category_scores.mean.shape[1] == len(model.experts)
        and model.means.shape == (len(model.experts),)
        and model.heads.weights.shape[1] == count
        and len(model.heads.categories) == len(model.category_scores.mean)
        and model.space.centre.shape == (len(NAMES),)
        and model.curve.weights.shape[1] == count
        and (near is None or near.outcomes.shape[1] == count)
        and model.heads.landmarks.points.shape[1] == axes
        and model.space.projection.shape[1] == axes + content
    )
    if not fits:
        raise ValueError("the parts of the quality model do not fit together")


def _mixed(table: Floats, probabilities: Floats) -> Floats:
    """Average the table over the likely categories: sum of p(c) s(c, e), shape (..., E)."""
    if probabilities.shape[-1] <= MAX_MIXED:
        return np.asarray(probabilities @ table)
    if probabilities.ndim > 1:
        rows = [_mixed(table, each) for each in probabilities]
        return np.array(rows).reshape(*probabilities.shape[:-1], table.shape[1])
    likely = np.argpartition(probabilities, -MAX_MIXED)[-MAX_MIXED:]
    weights = probabilities[likely]
    return np.asarray((weights / weights.sum()) @ table[likely])


def _within_bounds(quality: Floats) -> Floats:
    result: Floats = np.minimum(np.maximum(quality, 0.0), 1.0)
    return result
