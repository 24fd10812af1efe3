"""One run, from where it stands to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from experts import tracing
from orchestrator.conductor.engine import execute
from orchestrator.conductor.knowledge import Knowledge
from orchestrator.conductor.nodes.conclude import NothingAnswered
from orchestrator.conductor.ports import Experts, Interpreter, NoExpert
from orchestrator.conductor.run import Run
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.conductor.values import Outcome, storable
from orchestrator.guardrails.service import Guardrails
from orchestrator.guardrails.values import Note
from orchestrator.kit.errors import ApiError
from orchestrator.runs import repository
from orchestrator.runs.budget import RunBudgets
from orchestrator.runs.guarding import guarded_outcome
from orchestrator.runs.ledger import ApprovalNeeded, RunLedger
from orchestrator.runs.live import LiveEvents
from orchestrator.runs.record import RunRequest, request_of
from orchestrator.runs.recorder import Recorder
from orchestrator.runs.settlement import settle, tell
from orchestrator.runs.watching import finished

_MOST_STALLS = 5
_ENDING_AT_ONCE = 8
"""So often in a row a run may lose its worker without a step having ended: then it is to blame."""

Row = dict[str, Any]
MakeExperts = Callable[[str, RunRequest], Experts]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that a worker has.

    Args:
        row: As it was when it was taken.
        worker: Who has it.
        steps: That there are already.
    """

    row: Row
    worker: str
    steps: list[Row]

    @property
    def id(self) -> str:
        """The run's id."""
        identifier: str = self.row["id"]
        return identifier

    @property
    def hopeless(self) -> bool:
        """Whether it has lost its worker too often without getting on."""
        stalls: int = self.row["stalls"]
        return stalls >= _MOST_STALLS


@dataclass(frozen=True, slots=True)
class Executor:
    """Does runs that a worker has taken.

    Args:
        engine: Postgres.
        recorder: Records steps.
        live: Is told that a run has ended.
        experts: Makes whom a run may ask.
        interpreter: Runs code.
        settled: Called when there may be something to tell a webhook.
        budgets: Where what a run cost is settled.
        knowledge: What runs are told beforehand.
        guardrails: Judge answers.
    """

    engine: AsyncEngine
    recorder: Recorder
    live: LiveEvents
    experts: MakeExperts
    interpreter: Interpreter
    settled: Callable[[], None]
    budgets: RunBudgets
    knowledge: Knowledge = field(default_factory=Knowledge)
    guardrails: Guardrails = field(default_factory=Guardrails)
    _ending: asyncio.Semaphore = field(
        # Runs that end all at once wait here for a connection, where nothing times out.
        default_factory=lambda: asyncio.Semaphore(_ENDING_AT_ONCE),
        init=False,
    )

    async def claim(self, run_id: str, worker: str, lease: float) -> Claimed | None:
        """Take a run; ``None`` if there is nothing to take."""
        async with self.engine.begin() as connection:
            row = await repository.claim(connection, run_id, worker, lease)
            if row is None:
                return None
            steps = await repository.steps_of(connection, run_id)
            progress = sum(step["ended"] is not None for step in steps)
            lost = row["epoch"] > 1 and progress == row["progress"]
            stalls = row["stalls"] + 1 if lost else 0
            await repository.note_progress(connection, run_id, progress, stalls)
        return Claimed({**row, "stalls": stalls}, worker, steps)

    async def execute(self, claimed: Claimed) -> None:
        """Do a run to its end, or until it has to wait for somebody.

        Cancelled, it leaves the run as it is; whoever cancels says what becomes of it.
        """
        request = request_of(claimed.row["request"])
        ledger = RunLedger(claimed.id, self.recorder, claimed.steps, request.approval)
        if claimed.row["cancelling"]:
            await self.end(claimed, ledger.last_event, "cancelled")
            return
        if claimed.hopeless:
            told = "It lost its worker again and again, each time in the same step."
            await self._fail(claimed, ledger, "run_abandoned", told)
            return
        try:
            with tracing.span(f"run {claimed.row['strategy']}", request.trace) as span:
                span.set(coe__run__id=claimed.id)
                outcome = await self._outcome(claimed, request, ledger)
        except ApprovalNeeded:
            await self._wait(claimed)
        except NothingAnswered as error:
            await self._fail(claimed, ledger, "nothing_answered", str(error))
        except NoExpert as error:
            await self._fail(claimed, ledger, "no_eligible_expert", str(error))
        else:
            await self._finish(claimed, ledger, outcome)

    async def _outcome(self, claimed: Claimed, request: RunRequest, ledger: RunLedger) -> Outcome:
        row = claimed.row
        if row["strategy"] not in STRATEGIES:
            raise NothingAnswered(f"this release has no strategy '{row['strategy']}'")
        run = Run(
            request.task(row["tenant"]),
            self.experts(claimed.id, request),
            self.interpreter,
            limits=request.bounds(),
            ledger=ledger,
            emit=ledger.emit,
            started_at=row["started_at"].timestamp() + row["waited"],
            gate=ledger.gate,
            amended=request.amendments(),
        )
        self.knowledge.given_to(run).recall(ledger.finished_before)
        return await execute(row["strategy"], run)

    async def _finish(self, claimed: Claimed, ledger: RunLedger, outcome: Outcome) -> None:
        notes: list[Note] = []
        try:
            outcome = await guarded_outcome(outcome, claimed.row, self.guardrails, notes)
        except ApiError as error:
            await self._fail(claimed, ledger, error.code, error.message, notes)
            return
        said = {
            "answer": storable(outcome.text),
            "stopped": storable(outcome.stopped),
            "verified": outcome.verified,
        }
        await self.end(claimed, ledger.last_event, "finished", notes, **said)

    async def _fail(
        self,
        claimed: Claimed,
        ledger: RunLedger,
        code: str,
        message: str,
        notes: Sequence[Note] = (),
    ) -> None:
        said = {"error_code": code, "error_message": storable(message)}
        await self.end(claimed, ledger.last_event, "failed", notes, **said)

    async def end(
        self,
        claimed: Claimed,
        last_event: int,
        status: str,
        notes: Sequence[Note] = (),
        **said: Any,
    ) -> None:
        """End a run, with its usage and its webhook, all or nothing.

        Args:
            claimed: The run.
            last_event: Number of the last event that is stored.
            status: How it ends.
            notes: What guardrails did and flagged when they judged its answer.
            said: Further columns.
        """
        number = last_event + 1
        async with self._ending, self.engine.begin() as connection:
            row = await repository.end(
                connection,
                claimed.id,
                claimed.worker,
                claimed.row["epoch"],
                status=status,
                last_event=number,
                **said,
            )
            if row is None:
                log.warning("run %s ended here, but another worker has it", claimed.id)
                return
            record = await settle(connection, row, notes)
            found = await repository.spent(connection, [claimed.id])
        await self.budgets.settle(row, record.tokens, record.cost_nanos)
        told = finished(row, found.get(claimed.id, repository.NOTHING))
        self.recorder.pass_on(claimed.id, told)
        self._settled(row)

    async def renew(self, run_ids: Iterable[str], worker: str, lease: float) -> dict[str, bool]:
        """Renew leases; returns the runs the worker still has, each with whether to cancel it."""
        async with self.engine.begin() as connection:
            return await repository.renew(connection, run_ids, worker, lease)

    async def give_back(self, claimed: Claimed) -> bool:
        """Let another worker go on with a run; tells whether it was still to be given."""
        await self.recorder.flush()  # a step that ended just now must not be done again
        async with self.engine.begin() as connection:
            row = await repository.give_back(
                connection, claimed.id, claimed.worker, claimed.row["epoch"], "queued"
            )
        return row is not None

    async def cancel(self, claimed: Claimed) -> None:
        """End a run because somebody wants that."""
        await self.recorder.flush()  # what has ended is paid for
        async with self.engine.connect() as connection:
            steps = await repository.steps_of(connection, claimed.id)
        last = RunLedger(claimed.id, self.recorder, steps).last_event
        await self.end(claimed, last, "cancelled")

    async def fail(self, claimed: Claimed, code: str, message: str) -> None:
        """End a run because of an error of ours."""
        await self.recorder.flush()
        async with self.engine.connect() as connection:
            steps = await repository.steps_of(connection, claimed.id)
        ledger = RunLedger(claimed.id, self.recorder, steps)
        await self._fail(claimed, ledger, code, message)

    async def _wait(self, claimed: Claimed) -> None:
        async with self.engine.begin() as connection:
            row = await repository.give_back(
                connection, claimed.id, claimed.worker, claimed.row["epoch"], "waiting"
            )
            if row is None:
                return
            found = await repository.spent(connection, [claimed.id])
            await tell(connection, row, "run.waiting", found.get(claimed.id, repository.NOTHING))
        self._settled(row)

    def _settled(self, row: Row) -> None:
        if row["webhook"] is not None:
            self.settled()
