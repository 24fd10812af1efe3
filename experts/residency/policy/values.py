"""What decisions are made of: models, what is in memory, and the rules of the house."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Order = Literal["grouped", "fcfs"]
"""Who is served next: whoever needs no load, within the bound of waiting; or whoever came first."""
Eviction = Literal["look-ahead", "lru"]
"""Who goes: whoever is needed last, as far as one can see; or whoever was used longest ago."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be brought into memory. Experts that share a file share a model.

    Args:
        name: Its identity.
        size: Bytes that it takes when loaded.
        load_seconds: How long a load is thought to take, until one was measured.
        slots: Requests that it answers at once; as the rules say unless given.
    """

    name: str
    size: int
    load_seconds: float = 1.0
    slots: float | None = None


@dataclass(slots=True)
class Resident:
    """A model that takes room in a tier.

    Args:
        size: Bytes.
        used_at: When it was last asked for, in seconds.
        in_use: Requests that are being answered with it.
        ready: Whether it can answer; it is being loaded otherwise.
        leaving: Whether it is being taken out.
    """

    size: int
    used_at: float
    in_use: int = 0
    ready: bool = True
    leaving: bool = False


@dataclass(slots=True)
class Tier:
    """A memory with a budget.

    Args:
        capacity: Bytes.
        residents: What is in it, by model.
    """

    capacity: float
    residents: dict[str, Resident] = field(default_factory=dict)

    @property
    def used(self) -> int:
        """Bytes that are taken, those of models on their way in or out included."""
        return sum(one.size for one in self.residents.values())

    @property
    def free(self) -> float:
        """Bytes that are left."""
        return self.capacity - self.used

    @property
    def soon_free(self) -> float:
        """Bytes that are left once those have gone that are on their way out."""
        return self.capacity - sum(one.size for one in self.residents.values() if not one.leaving)

    def busy(self) -> set[str]:
        """Models that answer something."""
        return {model for model, one in self.residents.items() if one.in_use}


@dataclass(frozen=True, slots=True)
class Rules:
    """How memory is kept.

    Args:
        capacity: Bytes that loaded models may take together.
        mapped: Bytes of the tier below, from which a load is quick; 0: there is none to manage.
        max_wait: Seconds that a request may be made to wait for the sake of grouping.
        order: See there.
        eviction: See there.
        slots: Requests that one model answers at once.
        lanes: Models that compute at once; a single accelerator has one.
        prefetch: Least share of the traffic for which a model is loaded without being asked for;
            above 1: never.
        recent_seconds: Half-life of what counts as today's traffic.
        window_seconds: Half-life of the long view, which a burst does not overturn.
        pinned: Models that are never taken out, from the beginning.
    """

    capacity: float
    mapped: float = 0.0
    max_wait: float = 30.0
    order: Order = "grouped"
    eviction: Eviction = "look-ahead"
    slots: float = 4
    lanes: float = math.inf
    prefetch: float = 0.05
    recent_seconds: float = 300.0
    window_seconds: float = 6 * 3600.0
    pinned: frozenset[str] = frozenset()
