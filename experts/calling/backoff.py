"""How long to wait before the same expert is asked again. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).

    Callers that failed together come back spread over the whole interval, and not together.

    Args:
        first: The longest wait before the first retry, in seconds.
        longest: The longest wait at all.
    """

    first: float = 0.1
    longest: float = 2.0

    def seconds(self, retry: int, chance: float) -> float:
        """Return how long to wait.

        Args:
            retry: How many retries came before.
            chance: A random number, at least 0 and less than 1.
        """
        return chance * min(self.longest, self.first * 2.0 ** min(retry, 60))
