"""How long loads and answers have taken."""

from __future__ import annotations

from collections import deque

_SMOOTHING = 0.3
_REMEMBERED = 64
_MARGIN = 1.25
"""The next answer may be longer than all of the last ones."""


class Durations:
    """Remembers durations in seconds."""

    def __init__(self) -> None:
        self._loads: dict[str, float] = {}
        self._answers: deque[float] = deque(maxlen=_REMEMBERED)

    def loaded(self, model: str, seconds: float) -> None:
        """Take note of a load."""
        before = self._loads.get(model, seconds)
        self._loads[model] = before + _SMOOTHING * (seconds - before)

    def answered(self, seconds: float) -> None:
        """Take note of an answer."""
        self._answers.append(seconds)

    def load_of(self, model: str, unless: float) -> float:
        """Return how long a load of a model takes: a moving mean.

        Args:
            model: Which.
            unless: Where none was seen.
        """
        return self._loads.get(model, unless)

    def answer(self) -> float:
        """Return how long an answer under way may still take: the longest of the last ones, and some."""
        return _MARGIN * max(self._answers, default=0.0)
