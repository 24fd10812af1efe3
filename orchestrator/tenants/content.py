"""What a tenant lets be kept of what is said: a value, known with every key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ContentLevel = Literal["off", "prompts", "all"]


@dataclass(frozen=True, slots=True)
class ContentChoice:
    """A tenant's choice. Unless it says so, nothing is kept.

    Args:
        level: ``prompts``: what callers say, ``all``: what experts answer too.
        days: How many days it is kept, ``None``: until the tenant opts out.
        patterns: Regular expressions of what is blotted out, beside what always is
            (:mod:`orchestrator.usage.content.redaction`).
    """

    level: ContentLevel = "off"
    days: int | None = None
    patterns: tuple[str, ...] = ()

    @property
    def stores(self) -> bool:
        """Whether anything is kept."""
        return self.level != "off"


NOTHING = ContentChoice()
