"""How doubtful a kept answer may be that is given, so that of all that are given few enough are wrong. Pure.

Each look ends with a probability that the kept answer is wrong. To give all those below a bound gives the most
answers of all rules with that share of wrong ones (Chow, 1970, "On optimum recognition error and reject
tradeoff"); the bound is the largest at which the mean of what lies below is the chosen share (Geifman and
El-Yaniv, 2017, "Selective Classification for Deep Neural Networks"). So sure answers pay for some that are less
sure, up to half as much again as the share: no single question is left to pay for all others.
"""

from __future__ import annotations

from collections import deque

import numpy as np

_REMEMBERED = 2000
_ANEW = 20
"""Looks after which the bound is drawn anew."""
_MOST_TIMES = 1.5
"""The bound is at most so many times the chosen share."""


class Share:
    """What is known of the doubt of late.

    Args:
        remembered: Looks that count.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._doubts: deque[float] = deque(maxlen=remembered)
        self._drawn: tuple[float, float] | None = None
        self._since = 0

    def saw(self, doubt: float) -> None:
        """Note the outcome of a look.

        Args:
            doubt: How probable it is that the kept answer is wrong, 0 to 1.
        """
        self._doubts.append(doubt)
        self._since += 1

    def bound(self, wrong: float) -> float:
        """Return how probable it may be that an answer is wrong which is given.

        Args:
            wrong: The chosen share of wrong ones among those that are given, 0 to 1.
        """
        if self._drawn is None or self._drawn[0] != wrong or self._since >= _ANEW:
            self._drawn, self._since = (wrong, _bound(self._doubts, wrong)), 0
        return self._drawn[1]


def _bound(doubts: deque[float], wrong: float) -> float:
    ordered = np.sort(np.fromiter(doubts, np.float64, len(doubts)))
    means = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    below = int(np.searchsorted(means, wrong, side="right"))
    # Means of rising numbers rise: all before this place are small enough.
    return wrong if below == 0 else float(min(max(ordered[below - 1], wrong), _MOST_TIMES * wrong))
