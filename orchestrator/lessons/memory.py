"""Lessons in memory: of one process, for tests and for trying strategies out."""

from __future__ import annotations

from orchestrator.conductor.values import Lesson, Task
from orchestrator.lessons.likeness import likest
from router import Embedder


class MemoryLessons:
    """Keeps lessons as long as it lives; see :class:`orchestrator.conductor.ports.Lessons`.

    Args:
        embedder: Tells which tasks are alike.
        most: Lessons of one tenant and category; the newest stay.
    """

    def __init__(self, embedder: Embedder, most: int = 200) -> None:
        self._embedder = embedder
        self._most = most
        self._kept: dict[tuple[str, str | None], dict[str, Lesson]] = {}

    async def find(self, task: Task, most: int) -> tuple[Lesson, ...]:
        """Return lessons of the task's tenant and category from tasks like it, the likest first."""
        kept = self._kept.get((task.tenant, task.category), {})
        return likest(self._embedder, task.text, list(reversed(kept.values())), most)

    async def keep(self, task: Task, lesson: Lesson) -> None:
        """Keep a lesson, in place of what was known of the same task."""
        kept = self._kept.setdefault((task.tenant, task.category), {})
        kept.pop(lesson.task, None)
        kept[lesson.task] = lesson
        if len(kept) > self._most:
            del kept[next(iter(kept))]
