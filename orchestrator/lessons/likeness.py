"""Which lessons come from tasks like the one at hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from orchestrator.conductor.values import Lesson
from router import Embedder

LEAST = 0.6
"""Cosine of two tasks' vectors from which on they are like each other."""


def likest(
    embedder: Embedder, text: str, lessons: Sequence[Lesson], most: int
) -> tuple[Lesson, ...]:
    """Return the lessons from the tasks that are most like a text, the likest first.

    Args:
        embedder: Makes unit vectors.
        text: Of the task at hand.
        lessons: Among which to choose; of equals the first goes first.
        most: How many.
    """
    if not lessons:
        return ()
    vectors = embedder.embed([text, *(lesson.task for lesson in lessons)])
    likeness = vectors[1:] @ vectors[0]
    order = np.argsort(-likeness, kind="stable")[:most]
    return tuple(lessons[place] for place in order.tolist() if likeness[place] >= LEAST)
