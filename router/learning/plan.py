"""How a router is to be learned, and how its progress is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from router.mapping import POLICIES, Policy

Progress = Callable[[str, Iterable[Any], int], Iterable[Any]]
"""Wraps the parts of a task, given its name and their number, to show how far it is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a router is to be learned.

    Args:
        name: First part of its version.
        policies: The trade-offs it is to offer.
        budgets: Further policies, by name: billions of active parameters a request on average.
        active_parameters: Billions by expert; needed for budgets.
        seed: Of everything that is drawn.
    """

    name: str = "learned"
    policies: tuple[Policy, ...] = POLICIES
    budgets: tuple[tuple[str, float], ...] = ()
    active_parameters: tuple[tuple[str, float], ...] = ()
    seed: int = 0


def silent(task: str, parts: Iterable[Any], count: int) -> Iterable[Any]:
    """Show nothing."""
    del task, count
    return parts
