"""Lessons in Postgres: by tenant and category, for tenants that let their content be stored."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.conductor.nodes.lessons import LONGEST_TASK
from orchestrator.conductor.values import Lesson, Task, storable
from orchestrator.feedback.service import Correction
from orchestrator.kit.ids import uuid7
from orchestrator.lessons import repository
from orchestrator.lessons.likeness import likest
from orchestrator.tenants import consent
from router import Embedder

_PATIENCE = 2.0
"""Seconds that a run waits for the store: a lesson is worth no more."""
_AWAY = (SQLAlchemyError, OSError, TimeoutError)

log = logging.getLogger(__name__)


class PostgresLessons:
    """Lessons of one installation; see :class:`orchestrator.conductor.ports.Lessons`.

    Args:
        engine: Where they are kept.
        embedder: Tells which tasks are alike; a fast one, as it reads all of a category.
    """

    def __init__(self, engine: AsyncEngine, embedder: Embedder) -> None:
        self._engine = engine
        self._embedder = embedder

    async def find(self, task: Task, most: int) -> tuple[Lesson, ...]:
        """Return lessons of the task's tenant and category from tasks like it, the likest first."""
        if task.category is None:
            return ()
        try:
            async with asyncio.timeout(_PATIENCE), self._engine.connect() as connection:
                rows = await repository.newest(connection, task.tenant, task.category)
        except _AWAY as error:
            log.warning("lessons cannot be read: %s", error)
            return ()
        known = [Lesson(row["task"], row["answer"], row["warning"]) for row in rows]
        if not known:
            return ()
        return await asyncio.to_thread(likest, self._embedder, task.text, known, most)

    async def keep(self, task: Task, lesson: Lesson) -> None:
        """Keep a lesson, in place of what was known of the same task, where it may be kept."""
        if task.category is None:
            return
        try:
            async with asyncio.timeout(_PATIENCE), self._engine.begin() as connection:
                if await consent.storing(connection, [task.tenant]):
                    await repository.put(connection, _row(task, task.category, lesson))
        except _AWAY as error:
            log.warning("a lesson is not kept: %s", error)

    async def corrected(self, better: Correction) -> None:
        """Keep what a caller said that an answer should have been."""
        if len(better.text) <= LONGEST_TASK:
            message = {"role": "user", "content": better.text}
            task = Task((message,), better.text, category=better.category, tenant=better.tenant)
            await self.keep(task, Lesson(better.text, better.answer[:LONGEST_TASK]))

    async def page(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return lessons, the newest first; see :func:`orchestrator.lessons.repository.page`."""
        async with self._engine.connect() as connection:
            return await repository.page(connection, **wanted)

    async def delete(self, lesson_id: str) -> bool:
        """Forget a lesson; returns whether there was one."""
        async with self._engine.begin() as connection:
            return await repository.delete(connection, lesson_id)


def _row(task: Task, category: str, lesson: Lesson) -> dict[str, Any]:
    text = storable(lesson.task)
    return {
        "id": f"les_{uuid7().hex}",
        "tenant": task.tenant,
        "category": category,
        "digest": hashlib.sha256(text.encode()).hexdigest(),
        "task": text,
        "answer": storable(lesson.answer),
        "warning": storable(lesson.warning),
    }
