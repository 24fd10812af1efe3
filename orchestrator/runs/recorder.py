"""Writes the steps of all runs of a process: many at once to Postgres, and only then to whoever watches.

A step that costs 5 ms to commit would cost 200 runs a second each. Here they share one transaction.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.runs.events import RunEvent
from orchestrator.runs.live import LiveEvents
from orchestrator.runs.tables import steps

_MOST_AT_ONCE = 500
_RETRY_SECONDS = 0.5
_WITHOUT_DISK = sa.text("SET LOCAL synchronous_commit TO off")
"""That a step has begun may be lost if Postgres crashes. That one has ended must not."""
_AWAY = (OperationalError, InterfaceError, PoolTimeout, OSError)

log = logging.getLogger(__name__)


def _statement() -> Any:
    """Return what writes a step. One that has ended stays as it is, whoever comes later."""
    statement = insert(steps)
    kept = {"run_id", "key", "allowed_by", "inherited"}
    changed = {c.name: statement.excluded[c.name] for c in steps.columns if c.name not in kept}
    return statement.on_conflict_do_update(
        index_elements=["run_id", "key"], set_=changed, where=steps.c.ended.is_(None)
    )


@dataclass(slots=True)
class _Entry:
    run_id: str
    event: RunEvent | None
    row: dict[str, Any] | None
    done: asyncio.Future[None] | None


class Recorder:
    """Records steps and events in the order in which they are given.

    Args:
        engine: Postgres.
        live: Is told each event once it is stored.
    """

    def __init__(self, engine: AsyncEngine, live: LiveEvents) -> None:
        self._engine = engine
        self._live = live
        self._queue: asyncio.Queue[_Entry] = asyncio.Queue()
        self._write = _statement()

    def note(self, run_id: str, event: RunEvent, row: dict[str, Any] | None = None) -> None:
        """Record in a moment, without waiting for it."""
        self._queue.put_nowait(_Entry(run_id, event, row, None))

    def pass_on(self, run_id: str, event: RunEvent) -> None:
        """Tell what is stored already, after all that was given before."""
        self.note(run_id, event)

    async def record(self, run_id: str, event: RunEvent, row: dict[str, Any]) -> None:
        """Record, and return once it is stored for good.

        Raises:
            SQLAlchemyError: If Postgres refuses it. While Postgres is away, this waits.
        """
        done = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Entry(run_id, event, row, done))
        await done

    async def flush(self) -> None:
        """Return once all that was given before is stored."""
        done = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Entry("", None, None, done))
        await done

    async def run(self) -> None:
        """Record until cancelled."""
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty() and len(batch) < _MOST_AT_ONCE:
                batch.append(self._queue.get_nowait())
            await self._stored(batch)

    async def _stored(self, batch: list[_Entry]) -> None:
        try:
            await self._insert(batch)
        except Exception as error:  # noqa: BLE001 (whatever it is, whoever waits is told)
            if len(batch) > 1:  # one of them is to blame, and the others must not suffer for it
                for entry in batch:
                    await self._stored([entry])
                return
            _settle(batch[0], error)
            return
        for entry in batch:
            _settle(entry, None)
        self._live.offer([(e.run_id, e.event) for e in batch if e.event is not None])

    async def _insert(self, batch: list[_Entry]) -> None:
        rows = {(e.run_id, e.row["key"]): e.row for e in batch if e.row is not None}
        if not rows:
            return
        while True:
            try:
                async with self._engine.begin() as connection:
                    if all(entry.done is None for entry in batch):
                        await connection.execute(_WITHOUT_DISK)
                    await connection.execute(self._write, list(rows.values()))
            except _AWAY as error:
                if not all(e.done is None or e.done.cancelled() for e in batch):
                    log.warning("steps wait for Postgres: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return


def _settle(entry: _Entry, error: Exception | None) -> None:
    if error is not None:
        log.error("step of %s refused: %s", entry.run_id, error)
    if entry.done is None or entry.done.done():
        return
    if error is None:
        entry.done.set_result(None)
    else:
        entry.done.set_exception(error)
