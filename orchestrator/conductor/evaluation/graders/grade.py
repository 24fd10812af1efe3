"""What a grader says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.conductor.evaluation.tasks import GradedTask


@dataclass(frozen=True, slots=True)
class Grade:
    """Whether an answer is right.

    Args:
        right: ``None`` where it cannot be told here, which counts neither for nor against.
        reason: Why not, for a person; empty where it is right.
    """

    right: bool | None
    reason: str = ""


RIGHT = Grade(right=True)

Grader = Callable[[str, GradedTask], Grade]
"""Grades the final answer, already taken out of what was said around it. Pure."""


def wrong(reason: str) -> Grade:
    """Return that an answer is wrong, and why."""
    return Grade(right=False, reason=reason)


def ungradeable(reason: str) -> Grade:
    """Return that it cannot be told here whether an answer is right, and why."""
    return Grade(right=None, reason=reason)
