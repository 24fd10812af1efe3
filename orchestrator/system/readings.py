"""Looks at parts that may be away or slow, without ever letting whoever asks wait for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Literal, TypeVar

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from experts.redaction import redacted
from orchestrator.kit.changes import cancelled

T = TypeVar("T")
State = Literal["ok", "slow", "away"]

AWAY = (SQLAlchemyError, RedisError, OSError, TimeoutError)
"""What a look at a part may end with while that is away."""
PATIENCE_SECONDS = 0.08
"""That anybody waits for a part: an overview is to be there within a tenth of a second."""
_LONGEST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What is known of a part.

    Args:
        state: ``ok``; ``slow``: it has not said anything yet; ``away``: it cannot be asked.
        problem: What is wrong with it.
        value: What it said, or did when it last said anything.
        read_at: When that was.
    """

    state: State
    problem: str | None
    value: T | None
    read_at: datetime | None


class Readings(Generic[T]):
    """Looks at one part.

    A look that takes long goes on by itself, one at a time: whoever asks meanwhile is told what was seen before.

    Args:
        look: Asks the part.
        patience: Seconds that somebody waits for it.
        longest: Seconds after which a look is given up.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[T]],
        patience: float = PATIENCE_SECONDS,
        longest: float = _LONGEST_SECONDS,
    ) -> None:
        self._look = look
        self._patience = patience
        self._longest = longest
        self._task: asyncio.Task[None] | None = None
        self._value: T | None = None
        self._problem: str | None = None
        self._read_at: datetime | None = None

    async def read(self) -> Reading[T]:
        """Return what is known of the part now, or almost now."""
        if self._task is None:
            self._task = asyncio.create_task(self._looked())
        began, task = time.monotonic(), self._task
        await asyncio.wait((task,), timeout=self._patience)
        if not task.done():
            waited = time.monotonic() - began
            problem = f"It has not answered within {waited:.2f} s."
            return Reading("slow", problem, self._value, self._read_at)
        if self._task is task:
            self._task = None
        task.result()
        state: State = "ok" if self._problem is None else "away"
        return Reading(state, self._problem, self._value, self._read_at)

    async def aclose(self) -> None:
        """Give up a look that is under way."""
        if self._task is not None:
            await cancelled(self._task)
            self._task = None

    async def _looked(self) -> None:
        try:
            async with asyncio.timeout(self._longest):
                self._value = await self._look()
        except AWAY as error:
            self._problem = problem_of(error)
        else:
            self._problem, self._read_at = None, datetime.now(UTC)


def problem_of(error: BaseException) -> str:
    """Return what is wrong, in one line without secrets."""
    original = getattr(error, "orig", None) or error
    first = next(iter(str(original).strip().splitlines()), "")
    return redacted(f"{type(original).__name__}: {first}" if first else type(original).__name__)
