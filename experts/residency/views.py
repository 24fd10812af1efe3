"""Models and their memory as they are at a moment, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Place = Literal["disk", "mapped"]
"""Where a model that is not loaded is: on disk, or in main memory already, from where a load is quick."""
State = Literal["disk", "mapped", "loading", "loaded", "unloading", "unknown"]


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model as it is now.

    Args:
        name: Which.
        experts: Ids of those that it answers for.
        state: Where it is; ``unknown``: on a server that was not asked yet.
        size: Bytes that it takes, or would take; ``None``: not known.
        measured: Whether that was measured when it was loaded.
        pinned: Whether it is never taken out.
        in_use: Requests that are being answered with it.
        waiting: Requests that wait for it.
        loads: How often it was loaded.
        idle_seconds: Since it was last asked for; ``None``: never.
        share: Of the coming requests, as expected.
    """

    name: str
    experts: tuple[str, ...]
    state: State
    size: int | None = None
    measured: bool = False
    pinned: bool = False
    in_use: int = 0
    waiting: int = 0
    loads: int = 0
    idle_seconds: float | None = None
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class MemoryView:
    """A memory as it is now.

    Args:
        budget: Bytes that models may take together; infinite where there is no budget.
        used: Bytes that they take.
        pinned: Bytes of those that are never taken out.
        waiting: Requests that wait for a model.
        states: How many models are loaded, and on their way in or out.
    """

    budget: float
    used: int
    pinned: int
    waiting: int
    states: dict[State, int]
