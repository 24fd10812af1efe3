"""What a batch will cost, from a sample of its lines: nothing is asked of any expert."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.pricing import cost_in_nanos, usd_of
from experts.providers.protocol import Usage
from orchestrator.batches.lines import Problem, read_line
from orchestrator.batches.plans import Planner
from orchestrator.batches.schemas import BatchError, Estimate, ExpertShare
from orchestrator.files.tables import chunks
from orchestrator.jobs.record import Row
from orchestrator.kit.errors import ApiError
from orchestrator.kit.ids import new_request_id
from orchestrator.tenants.keys import Principal
from router.mapping import EXPECTED_ANSWER_TOKENS

_CHUNKS = 10
_LINES_OF_A_CHUNK = 30


@dataclass(frozen=True, slots=True)
class Estimator:
    """Estimates costs.

    Args:
        engine: Postgres.
        planner: Decides who would answer.
    """

    engine: AsyncEngine
    planner: Planner

    async def estimate(self, file: Row, endpoint: str, principal: Principal) -> Estimate:
        """Return what a file's requests are expected to cost."""
        check = self.planner.checks(principal, endpoint)
        usual: Counter[str] = Counter()
        count: Counter[str] = Counter()
        most, problems = 0, list[Problem]()
        for number, text in await self._sample(file):
            line = read_line(number, text, endpoint, check)
            if isinstance(line, Problem):
                problems.append(line)
                continue
            try:
                plan, target = await self.planner.decide(line.chat, principal, new_request_id())
            except ApiError as error:
                problems.append(Problem(number, error.code, error.message, error.param))
                continue
            expert = target.expert
            written = 0 if expert.embeds else EXPECTED_ANSWER_TOKENS
            expected = cost_in_nanos(Usage(plan.prompt_tokens, written), expert.price)
            usual[expert.id] += min(expected, plan.most_nanos)
            count[expert.id] += 1
            most += plan.most_nanos
        looked_at = count.total()
        scale = file["lines"] / looked_at if looked_at else 0.0
        return Estimate(
            requests=file["lines"],
            looked_at=looked_at,
            usual_usd=usd_of(round(usual.total() * scale)),
            most_usd=usd_of(round(most * scale)),
            experts=[
                ExpertShare(
                    expert=expert,
                    requests=round(number * scale),
                    usual_usd=usd_of(round(usual[expert] * scale)),
                )
                for expert, number in count.most_common()
            ],
            problems=[BatchError.model_validate(problem.as_error()) for problem in problems[:10]],
        )

    async def _sample(self, file: Row) -> list[tuple[int, bytes]]:
        """Return some lines from all over a file; those of its first piece with their numbers."""
        number = sa.select(chunks.c.number).where(chunks.c.file_id == file["id"])
        found: list[tuple[int, bytes]] = []
        async with self.engine.connect() as connection:
            numbers = sorted(await connection.scalars(number))
            chosen = numbers[:: max(1, -(-len(numbers) // _CHUNKS))]
            for each in chosen:
                query = sa.select(chunks.c.data).where(
                    chunks.c.file_id == file["id"], chunks.c.number == each
                )
                lines = bytes(await connection.scalar(query) or b"").split(b"\n")
                first, last = int(each > 0), each == numbers[-1]  # others may be cut at their ends
                whole = list(enumerate(lines, start=1))[first : None if last else -1]
                usable = [(place, line) for place, line in whole if line.strip()]
                found += usable[:: max(1, -(-len(usable) // _LINES_OF_A_CHUNK))]
        return found
