"""The ledger of one run: what :class:`orchestrator.conductor.run.Run` remembers its steps in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from orchestrator.conductor.events import AnswerDelta, Event, StepDelta
from orchestrator.conductor.values import Step
from orchestrator.runs.events import (
    STEP_FINISHED,
    STEP_STARTED,
    STEP_WAITING,
    EventId,
    event,
    piece,
    shown_step,
)
from orchestrator.runs.record import row_of, step_of
from orchestrator.runs.recorder import Recorder

_ROOM = 1000
"""Numbers left free after another worker, which may still tell something or have told what it could
not store."""


class ApprovalNeeded(Exception):
    """A step waits for somebody to allow it."""


class RunLedger:
    """Remembers the steps of a run in Postgres, tells its events, and holds steps that need approval.

    Args:
        run_id: The run's id.
        recorder: Writes.
        rows: Rows of the steps there are already.
        approval: Kinds of steps that need approval.
    """

    def __init__(
        self, run_id: str, recorder: Recorder, rows: Iterable[Any], approval: Iterable[str] = ()
    ) -> None:
        self._run_id = run_id
        self._recorder = recorder
        self._approval = frozenset(approval)
        rows = list(rows)
        self.finished_before = tuple(step_of(row) for row in rows if row["ended"] is not None)
        self._finished = {step.key: step for step in self.finished_before}
        self._given_up = {row["key"]: step_of(row) for row in rows if row["ended"] is None}
        self._allowed = {row["key"] for row in rows if row["allowed_by"] is not None}
        self._begun: dict[str, int] = {}
        last = max((max(row["begun"] or 0, row["ended"] or 0) for row in rows), default=0)
        self._last = EventId(last + _ROOM if last else 0)

    @property
    def last_event(self) -> int:
        """Number of the last event that is stored or about to be."""
        return self._last.number

    async def find(self, key: str) -> Step | None:
        """Return the finished step of that key, if there is one."""
        return self._finished.get(key)

    async def given_up(self, key: str) -> Step | None:
        """Return the step of that key as another worker left it, if it never ended."""
        return self._given_up.get(key)

    async def begun(self, step: Step) -> None:
        """Note a step that begins. To know of it is no more than a courtesy, so nobody waits."""
        number = self._next()
        self._begun[step.key] = number.number
        row = row_of(self._run_id, step, begun=number.number, ended=None)
        told = event(number, STEP_STARTED, step=shown_step(row))
        self._recorder.note(self._run_id, told, row)

    async def left(self, step: Step) -> None:
        """Note what a step has cost that is given up. Nothing is told: it may be begun again."""
        row = row_of(self._run_id, step, begun=self._begun.get(step.key), ended=None)
        self._recorder.note(self._run_id, None, row)

    async def finished(self, step: Step) -> None:
        """Note a step that has ended; when this returns, it is stored."""
        number = self._next()
        begun = self._begun.get(step.key)
        row = row_of(self._run_id, step, begun=begun, ended=number.number)
        told = event(number, STEP_FINISHED, step=shown_step(row))
        await self._recorder.record(self._run_id, told, row)
        self._finished[step.key] = step

    async def gate(self, step: Step) -> None:
        """Let a step pass that needs no approval, or has it.

        Raises:
            ApprovalNeeded: If it has to wait.
        """
        if step.kind not in self._approval or step.key in self._allowed:
            return
        number = self._next()
        row = row_of(self._run_id, replace(step, status="waiting"), begun=number.number, ended=None)
        told = event(number, STEP_WAITING, step=shown_step(row))
        await self._recorder.record(self._run_id, told, row)
        raise ApprovalNeeded(step.key)

    def emit(self, happened: Event) -> None:
        """Pass a piece of text on. What is stored is told by those who store it."""
        if isinstance(happened, StepDelta | AnswerDelta):
            self._last = self._last.next_piece()
            self._recorder.note(self._run_id, piece(self._last, happened))

    def _next(self) -> EventId:
        self._last = EventId(self._last.number + 1)
        return self._last
