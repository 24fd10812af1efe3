"""Ridge regressions that are judged by what they say of rows left out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_PENALTIES = np.append(np.geomspace(1.0, 1000.0, 13), np.inf)


class Ridge:
    """Ridge regressions on one set of features, for any targets and penalties.

    Args:
        features: Shape (n, p).
    """

    def __init__(self, features: Floats) -> None:
        values, self._axes = np.linalg.eigh(features.T @ features)
        self._values = np.maximum(values, 0.0)
        self._rotated = features @ self._axes
        self._squared = self._rotated**2

    def weights(self, targets: Floats, penalties: Floats) -> Floats:
        """Return the weights of the features, shape (p, R).

        Args:
            targets: Shape (n, R).
            penalties: Of each target, infinite for one that is not to be predicted, shape (R,).
        """
        products = self._rotated.T @ targets
        found: Floats = self._axes @ (products / (self._values[:, None] + penalties))
        return found

    def predictions(self, targets: Floats, penalties: Floats) -> tuple[Floats, Floats]:
        """Return what is fitted, and what would be with the row left out, both (n, R).

        The second in closed form (Allen's PRESS statistic, 1974).
        """
        products = self._rotated.T @ targets
        shrunk = self._values[:, None] + penalties
        fitted = self._rotated @ (products / shrunk)
        leverage = np.minimum(self._squared @ (1.0 / shrunk), 0.999)
        return fitted, (fitted - leverage * targets) / (1.0 - leverage)

    def choose(self, targets: Floats, known: Floats) -> Floats:
        """Return the penalty of each target with the least error on rows left out, shape (R,).

        Args:
            targets: Shape (n, R).
            known: How much each row counts, shape (n,).
        """
        errors = []
        for penalty in _PENALTIES:
            left_out = self.predictions(targets, np.full(targets.shape[1], penalty))[1]
            errors.append((known[:, None] * (targets - left_out) ** 2).sum(axis=0))
        chosen: Floats = _PENALTIES[np.argmin(np.array(errors), axis=0)]
        return chosen
