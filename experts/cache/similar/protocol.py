"""What the cache asks of whoever finds answers to requests that are only alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from experts.cache.entry import Entry
from experts.cache.key import Asked
from experts.cache.similar.answers import Verdict


class Found(NamedTuple):
    """What came of a look.

    Args:
        verdict: The nearest kept prompt, and whether its answer will do.
        entry: That answer, if it is given.
    """

    verdict: Verdict
    entry: Entry | None = None


class Similar(Protocol):
    """Finds answers to requests that are only alike, of one tenant that wants that."""

    async def find(self, asked: Asked, fields: Mapping[str, Any]) -> Found | None:
        """Return what came of a look; ``None`` where a request is not of the kind that can be."""
        ...

    def seen(self, key: bytes) -> tuple[int, int] | None:
        """Return how often a kept answer was compared, and would have done."""
        ...

    def answered(
        self,
        key: bytes,
        entry: Entry,
        ttl: float,
        asked: Asked,
        fields: Mapping[str, Any],
        found: Found | None,
    ) -> None:
        """Learn from an answer that an expert has given.

        Args:
            key: What it is kept under.
            entry: The answer.
            ttl: Seconds for which it is kept.
            asked: Who was asked.
            fields: The request.
            found: What had come of the look for one.
        """
        ...
