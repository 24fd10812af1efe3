"""Watching a run: its events from Postgres and Redis as one stream that can be resumed anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.runs import repository
from orchestrator.runs.events import RUN_FINISHED, EventId, RunEvent, event, step_events
from orchestrator.runs.live import LiveEvents, Watchers, waited
from orchestrator.runs.record import ENDED
from orchestrator.runs.schemas import RunView

_HEARTBEAT = b": still here\n\n"
_HEARTBEAT_SECONDS = 15.0
_LOOK_SECONDS = 1.0
"""How often Postgres is looked at in case Redis has lost something."""
_LATE_SECONDS = 0.1
"""What is stored may take that long to come through Redis, with the text before it."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Whoever watches runs in this process.

    Args:
        engine: Postgres: what has happened.
        live: Redis: what is happening.
        watchers: Are woken when there is news.
    """

    engine: AsyncEngine
    live: LiveEvents
    watchers: Watchers

    async def frames(self, run_id: str, after: EventId) -> AsyncGenerator[bytes, None]:
        """Yield the events of a run after one as server-sent events, until it has ended.

        Args:
            run_id: A run that there is.
            after: The last event that is known.
        """
        loop = asyncio.get_running_loop()
        silent_since = loop.time()
        last, stored = after, True
        with self.watchers.watching(run_id) as news:
            while not self.watchers.closing:
                for each in await self._news(run_id, last, stored=stored):
                    yield each.frame()
                    last = max(last, each.id)
                    silent_since = loop.time()
                    if each.type == RUN_FINISHED:
                        return
                if loop.time() - silent_since >= _HEARTBEAT_SECONDS:
                    yield _HEARTBEAT
                    silent_since = loop.time()
                stored = not await waited(news, _LOOK_SECONDS)

    async def _news(self, run_id: str, after: EventId, *, stored: bool) -> list[RunEvent]:
        """Return the events after one, in order.

        Args:
            run_id: The run.
            after: The last event that is known.
            stored: Whether to look into Postgres; if not, that is done only where Redis has gaps,
                or nothing.
        """
        if not stored:
            live = await self.live.read(run_id, after)
            if live and not _gaps(live, after):
                return live
        told = await self._stored(run_id, after)
        live = await self.live.read(run_id, after)
        if told and told[-1].id > (live[-1].id if live else EventId()):
            await asyncio.sleep(_LATE_SECONDS)
            live = await self.live.read(run_id, after)
        merged = {each.id: each for each in (*told, *live)}
        return [merged[identifier] for identifier in sorted(merged)]

    async def _stored(self, run_id: str, after: EventId) -> list[RunEvent]:
        async with self.engine.connect() as connection:
            row = await repository.get(connection, run_id, None)
            rows = await repository.steps_of(connection, run_id, since=after.number)
            if row is None:  # deleted meanwhile
                return [event(EventId(after.number + 1), RUN_FINISHED, run=None)]
            told = step_events(rows, after)
            if row["status"] in ENDED:
                found = await repository.spent(connection, [run_id])
                told.append(finished(row, found.get(run_id, repository.NOTHING)))
        return told


def finished(row: dict[str, Any], spent: dict[str, Any]) -> RunEvent:
    """Return the last event of a run that has ended."""
    view = RunView.of(row, spent).model_dump(mode="json")
    return event(EventId(row["last_event"]), RUN_FINISHED, run=view)


def _gaps(events: list[RunEvent], after: EventId) -> bool:
    """Tell whether an event is missing before one of these."""
    known = after.number
    for each in events:
        following = known + 1 if each.id.piece == 0 else known
        if each.id.number != following:
            return True
        known = each.id.number
    return False
