"""Evaluations: prompts put to experts as items of a job, judged, graded, and made into a report.

A job of this kind has its turn several times; :mod:`orchestrator.job_kinds.evaluation_turn` says what it does in
each. That is imported when it is needed: the figures of a report take a while to load.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.job_kinds.asking import Questioner
from orchestrator.job_kinds.evaluation_wanted import kept_of
from orchestrator.job_kinds.results import MadeFiles
from orchestrator.job_kinds.schemas import EvaluationWanted
from orchestrator.job_kinds.training import uploaded
from orchestrator.jobs.record import Item, Outcome, Row
from orchestrator.jobs.turn import Turn
from orchestrator.tenants.keys import Principal

if TYPE_CHECKING:
    from orchestrator.job_kinds.evaluation_turn import EvaluationTurn

KIND = "evaluation"


@dataclass(frozen=True, slots=True)
class EvaluationKind(MadeFiles):
    """Evaluations as a kind of job; see :class:`orchestrator.jobs.kinds.Kind`.

    Args:
        questioner: Asks.
    """

    questioner: Questioner
    restarts: bool = True

    async def asked(self, principal: Principal, wanted: EvaluationWanted) -> Row:
        """Return what a job keeps of what is wanted.

        Raises:
            ApiError: Naming the field that is wrong.
        """
        await uploaded(self.files, principal, wanted.input_file_id)
        catalogue = self.questioner.catalogue.current
        return kept_of(wanted, catalogue.experts, principal)

    async def perform(self, job: Row, principal: Principal, item: Item) -> Outcome:
        """Ask one question."""
        return await self.questioner.perform(job, principal, item)

    def worth(self, item: Item) -> int:
        """Return the most that a question costs."""
        return int(item.plan["most_nanos"])

    async def run(self, job: Row, turn: Turn) -> None:
        """Put in what is to be asked, or grade what was answered."""
        make = await asyncio.to_thread(_loaded)
        await make(self, job, turn).take()


def _loaded() -> type[EvaluationTurn]:
    from orchestrator.job_kinds.evaluation_turn import EvaluationTurn

    return EvaluationTurn
