"""Exports: usage records of a period as a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.job_kinds.results import MadeFiles
from orchestrator.job_kinds.schemas import ExportWanted
from orchestrator.jobs.kinds import WithoutItems
from orchestrator.jobs.record import Row
from orchestrator.jobs.turn import Turn
from orchestrator.kit.errors import ApiError
from orchestrator.tenants.keys import Principal
from orchestrator.usage import repository
from orchestrator.usage.files import Format, ParquetMissing, Writer, writer_of
from orchestrator.usage.own_endpoints import EXPORTED
from orchestrator.usage.period import Period
from orchestrator.usage.questions import question_of
from orchestrator.usage.reports import Question

KIND = "export"
_COLUMNS = [*EXPORTED, "cost_nanos"]
_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class ExportKind(MadeFiles, WithoutItems):
    """Exports as a kind of job; see :class:`orchestrator.jobs.kinds.Kind`."""

    async def asked(self, principal: Principal, wanted: ExportWanted) -> Row:
        """Return what a job keeps of what is wanted.

        Raises:
            ApiError: If this cannot be exported, or the caller may not see it.
        """
        form: Format = wanted.usage.format or "csv"
        _writer(form)
        question = question_of(principal, wanted.usage)
        return {
            "format": form,
            "start": question.period.start.isoformat(),
            "end": question.period.end.isoformat(),
            "only": dict(question.only),
        }

    async def run(self, job: Row, turn: Turn) -> None:
        """Write the file."""
        await turn.begin()
        payload = job["payload"]
        form: Format = payload["format"]
        period = Period(*(datetime.fromisoformat(payload[name]) for name in ("start", "end")))
        question = Question(period, payload["only"])
        count = _Count()
        made = await self.made(
            job, f"usage.{form}", self._pieces(turn, question, _writer(form), count)
        )
        await turn.finish({"records": count.rows, "files": [made]})

    async def _pieces(
        self, turn: Turn, question: Question, writer: Writer, count: _Count
    ) -> AsyncIterator[bytes]:
        after: str | None = None
        while True:
            async with turn.engine.connect() as connection:
                rows: list[dict[str, Any]] = await repository.exported_rows(
                    connection, question, limit=_ROWS_AT_ONCE, after=after
                )
            if rows:
                yield await asyncio.to_thread(writer.rows, rows)
                count.rows += len(rows)
                after = rows[-1]["request_id"]
                await turn.tell("writing records", count.rows)
            if len(rows) < _ROWS_AT_ONCE:
                break
        yield await asyncio.to_thread(writer.end)


@dataclass(slots=True)
class _Count:
    """Records written so far."""

    rows: int = 0


def _writer(form: Format) -> Writer:
    """Return what writes files of a format.

    Raises:
        ApiError: 400 if that is not installed.
    """
    try:
        return writer_of(form, _COLUMNS)
    except ParquetMissing as error:
        raise ApiError(400, "format_unavailable", f"{error}.", param="usage.format") from error
