"""How far a long task is, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

Progress = Callable[[str, Iterable[Any], int], Iterable[Any]]
"""Wraps the parts of a task, given its name and their number, to show how far it is."""


def silent(task: str, parts: Iterable[Any], count: int) -> Iterable[Any]:
    """Show nothing."""
    del task, count
    return parts


def whole(progress: Progress, task: str, work: Callable[[], T]) -> T:
    """Do a task that has no parts, and return what comes of it."""
    [done] = [work() for _ in progress(task, (None,), 1)]
    return done
