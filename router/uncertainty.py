"""The known/unknown gate: is this a request the categories were made for, and which of them?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_NOTHING = 1e-12
_FEW = 32


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How unsure is too unsure.

    Args:
        threshold: Above this uncertainty (0..1) the request goes to ``general``.
        strange_quantile: Share of the taxonomy's own held-out prompts that lie so far from every
            prototype that distance begins to count as a doubt.
    """

    threshold: float = 0.85
    strange_quantile: float = 0.02


@dataclass(frozen=True, slots=True)
class Gate:
    """Combines three signs of doubt into one number.

    After COSMO's gate between known and unknown; the formula is our own.

    Args:
        settings: The threshold.
        strange: Cosine similarity to the nearest prototype below which a text is strange.
    """

    settings: GateSettings
    strange: float

    def uncertainty(self, probabilities: Floats, nearest: float) -> float:
        """Return 0 (sure) to 1 (knows nothing).

        The larger of two doubts. Which category: the mean of the entropy, divided by its largest
        value, and of one minus the margin between the two most probable. Whether any: nothing
        down to the similarity ``strange``, rising to 1 where the text is like no prototype at all.

        Args:
            probabilities: Over all categories, shape (C,).
            nearest: Cosine similarity to the nearest prototype.
        """
        if len(probabilities) == 1:
            return 0.0
        entropy = -float(probabilities @ np.log(probabilities + _NOTHING))
        second, first = _two_largest(probabilities)
        which = 0.5 * (entropy / math.log(len(probabilities)) + 1.0 - (first - second))
        whether = (self.strange - nearest) / max(self.strange, _NOTHING)
        return min(1.0, max(which, whether, 0.0))

    def limit(self, top: int) -> float:  # noqa: ARG002  other gates look at it
        """Return the uncertainty above which a request is to be treated as ``general``.

        Args:
            top: Index of the most probable category.
        """
        return self.settings.threshold

    def unsure(self, uncertainty: float, top: int) -> bool:  # noqa: ARG002  other gates look at it
        """Tell whether a request is to be treated as ``general``.

        Args:
            uncertainty: As found above.
            top: Index of the most probable category.
        """
        return uncertainty > self.settings.threshold


def _two_largest(values: Floats) -> tuple[float, float]:
    """Return the second largest and the largest."""
    largest = values if len(values) <= _FEW else np.partition(values, -2)[-2:]
    ordered: list[float] = sorted(largest.tolist())
    return ordered[-2], ordered[-1]


def fit_gate(held_out_nearest: npt.NDArray[np.float32], settings: GateSettings) -> Gate:
    """Learn from the taxonomy's own prompts, held out, how near is usual.

    Args:
        held_out_nearest: Each prompt's similarity to the nearest prototype, shape (n,).
        settings: The threshold.
    """
    strange = float(np.quantile(held_out_nearest, settings.strange_quantile))
    return Gate(settings, max(strange, 0.0))
