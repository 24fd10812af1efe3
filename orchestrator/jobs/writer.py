"""Writes results: those of many items in one transaction, with their usage and their jobs' counts.

The transaction is the ledger. An item's result counts only if the item is still held as it was taken,
and its usage row is written only if its result counted: there is one of each, whoever died when. What
ends a job is in the transaction that ends its last item.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.jobs import ending, items, repository
from orchestrator.jobs.away import AWAY
from orchestrator.jobs.kinds import Kinds
from orchestrator.jobs.record import Again, Outcome, Result, Row
from orchestrator.usage import repository as usage
from orchestrator.usage.content import repository as contents
from orchestrator.usage.record import UsageRecord

_MOST_AT_ONCE = 500
_RETRY_SECONDS = 0.5

log = logging.getLogger(__name__)


class Writer:
    """Stores what became of items, in the order in which it is given.

    Args:
        engine: Postgres.
        kinds: What the end of each kind of job brings.
        seen: Is told of the usage of each item that has ended.
        again: Is told when it may be the turn of a job's kind again.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        kinds: Kinds,
        seen: Callable[[UsageRecord], None],
        again: Callable[[], None],
    ) -> None:
        self._seen = seen
        self._again = again
        self._engine = engine
        self._kinds = kinds
        self._queue: asyncio.Queue[Outcome] = asyncio.Queue()
        self._days: set[date] = set()

    def put(self, outcome: Outcome) -> None:
        """Have an outcome stored, without waiting for it."""
        self._queue.put_nowait(outcome)

    async def flush(self) -> None:
        """Return once all that was given before is stored."""
        await self._queue.join()

    async def run(self) -> None:
        """Store until cancelled. While Postgres is away, it is waited for."""
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty() and len(batch) < _MOST_AT_ONCE:
                batch.append(self._queue.get_nowait())
            try:
                await self._store(batch)
            finally:
                for _ in batch:
                    self._queue.task_done()

    async def _store(self, batch: Sequence[Outcome]) -> None:
        while True:
            try:
                await self._write(batch)
            except AWAY as error:
                log.warning("%d results wait for Postgres: %s", len(batch), error)
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception as error:
                if len(batch) > 1:  # one of them is to blame, and the others must not suffer for it
                    for outcome in batch:
                        await self._store([outcome])
                    return
                log.exception("what became of %s cannot be stored", _name(batch[0]))
                self._days.clear()  # a day's partition may have been dropped for its age
                batch = [_substitute(batch[0], error)]
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _write(self, batch: Sequence[Outcome]) -> None:
        results = [one for one in batch if isinstance(one, Result)]
        retried = [one for one in batch if isinstance(one, Again)]
        async with self._engine.begin() as connection:
            if retried:
                await items.again(connection, retried)
            if not results:
                return
            done = await items.end(connection, results)
            counted = list({_key(one): one for one in results if _key(one) in done}.values())
            days = await self._write_usage(connection, counted)
            whole = await repository.count(connection, _sums(counted))
            for job_id in whole:
                await ending.finish(connection, job_id, self._kinds)
        if whole:
            self._again()
        for one in counted:
            if one.record is not None:
                self._seen(one.record)
        self._days |= days
        self._forget_old_days()

    async def _write_usage(
        self, connection: AsyncConnection, results: Sequence[Result]
    ) -> set[date]:
        records = [one.record for one in results if one.record is not None]
        missing = {record.started_at.date() for record in records} - self._days
        if missing:
            await usage.ensure_partitions(connection, missing)
        await usage.insert_records(connection, records)
        await contents.keep(connection, records)
        return missing

    def _forget_old_days(self) -> None:
        oldest = (datetime.now(UTC) - timedelta(days=3)).date()
        self._days = {day for day in self._days if day >= oldest}


def _sums(results: Iterable[Result]) -> list[Row]:
    sums: dict[str, Row] = {}
    for one in results:
        names = ("ok", "not_ok", "read", "written", "nanos", "output", "error")
        row = sums.setdefault(
            one.item.job_id, {"job_id": one.item.job_id, **dict.fromkeys(names, 0)}
        )
        good = one.state == "ok"
        row["ok" if good else "not_ok"] += 1
        row["output" if good else "error"] += len(one.line.encode()) + 1
        if one.record is not None:
            row["read"] += one.record.prompt_tokens
            row["written"] += one.record.completion_tokens
            row["nanos"] += one.record.cost_nanos
    return list(sums.values())


def _substitute(outcome: Outcome, error: Exception) -> Outcome:
    """Return what is stored of an outcome that Postgres does not accept."""
    told = f"The answer cannot be stored ({type(error).__name__})."
    if isinstance(outcome, Again):
        return replace(outcome, calls=(), error_code="internal_error", error_message=told)
    record = outcome.record
    return replace(
        outcome,
        state="failed",
        line=ending.failed_line(outcome.item, "internal_error", told),
        record=record,
        error_code="internal_error",
        error_message=told,
    )


def _key(outcome: Outcome) -> tuple[str, int, int]:
    """Return what tells whether a result counted: the same item may have been taken twice."""
    return outcome.item.job_id, outcome.item.number, outcome.item.epoch


def _name(outcome: Outcome) -> str:
    return f"item {outcome.item.number} of {outcome.item.job_id}"
