"""What a tenant wants of caches, and what that means for a request. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from experts.cache.controls import Controls

Mode = Literal["off", "asked", "on"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a tenant wants.

    Args:
        mode: ``off`` (nothing is kept), ``asked`` (for requests that ask for it) or ``on`` (for all that
            do not refuse it).
        seconds: For which an answer is kept.
        sampled: Whether also answers that might come out otherwise each time are kept unasked.
        similar: Whether the answer to a request that is only alike will do.
        wrong: The share of wrong ones among those answers that is put up with, 0 to 1.
    """

    mode: Mode = "asked"
    seconds: float = 3600.0
    sampled: bool = False
    similar: bool = False
    wrong: float = 0.01

    def allows(self, asked: Controls | None) -> bool:
        """Tell whether the cache has a part in a request.

        Args:
            asked: What the request says, if it says anything.
        """
        if self.mode == "off":
            return False
        if asked is None:
            return self.mode == "on"
        return asked.read or asked.write

    def keeps_sampled(self, asked: Controls | None) -> bool:
        """Tell whether an answer that might come out otherwise each time is kept for a request.

        Who asks for the cache by name means this request, however it is sampled.
        """
        if asked is None:
            return self.sampled
        return True if asked.sampled is None else asked.sampled

    def takes_similar(self, asked: Controls | None) -> bool:
        """Tell whether the answer to another request will do; a request can refuse it, not ask for it."""
        return self.similar and (asked is None or asked.similar is not False)
