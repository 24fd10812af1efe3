"""Writes the steps of all runs of a process: many at once to Postgres, and only then to whoever watches.

A step that costs 5 ms to commit would cost 200 runs a second each. Here they share one commit, on a
connection that is kept: a run waits for one trip to Postgres and back between two steps, not for five.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.runs.events import RunEvent
from orchestrator.runs.live import LiveEvents
from orchestrator.runs.tables import steps

_MOST_AT_ONCE = 500
_RETRY_SECONDS = 0.5
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
        self._kept: AsyncConnection | None = None

    def note(self, run_id: str, event: RunEvent | None, row: dict[str, Any] | None = None) -> None:
        """Record in a moment, without waiting for it; without an event, nobody is told."""
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
        try:
            while True:
                batch = [await self._queue.get()]
                while not self._queue.empty() and len(batch) < _MOST_AT_ONCE:
                    batch.append(self._queue.get_nowait())
                await self._stored(batch)
        finally:
            await self._hang_up()

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
                connection = await self._connection()
                await connection.execute(self._write, list(rows.values()))
            except _AWAY as error:
                await self._hang_up()
                if not all(e.done is None or e.done.cancelled() for e in batch):
                    log.warning("steps wait for Postgres: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _connection(self) -> AsyncConnection:
        """Return the connection that is kept. Each statement is committed by itself, many rows at once."""
        if self._kept is None:
            connection = await self._engine.connect()
            self._kept = await connection.execution_options(isolation_level="AUTOCOMMIT")
        return self._kept

    async def _hang_up(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            await kept.invalidate()
            await kept.close()


def _settle(entry: _Entry, error: Exception | None) -> None:
    if error is not None:
        log.error("step of %s refused: %s", entry.run_id, error)
    if entry.done is None or entry.done.done():
        return
    if error is None:
        entry.done.set_result(None)
    else:
        entry.done.set_exception(error)
