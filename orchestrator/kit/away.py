"""Remembers for a moment that something did not answer, so that not every request waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable


class Away:
    """Says whether to ask what may be away: while it is, one of many asks each second.

    Args:
        seconds: For which it is left alone after it has failed.
        clock: Seconds that only go forward.
    """

    def __init__(self, seconds: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: float | None = None

    def worth_asking(self) -> bool:
        """Tell whether to ask; whoever is told so says how it went."""
        if self._until is None:
            return True
        if self._clock() < self._until:
            return False
        self._until = self._clock() + self._seconds  # the others wait for what comes of this one
        return True

    def failed(self) -> None:
        """Note that it did not answer."""
        self._until = self._clock() + self._seconds

    def answered(self) -> None:
        """Note that it did."""
        self._until = None
