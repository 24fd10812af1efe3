"""Turns a file into items: every line checked first, then each routed and put in, while workers begin.

Nothing is begun of a file that holds a line that is wrong. Both passes read the file as a stream; the
second goes on where it was cut short.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.batches.duplicates import SeenIds
from orchestrator.batches.lines import CheckModel, Line, Problem, read_line
from orchestrator.batches.plans import Plan, Planner
from orchestrator.files import repository as files
from orchestrator.files.lines import LineTooLong, lines_of
from orchestrator.jobs import items, repository
from orchestrator.jobs.owners import KeyGone, owner_of
from orchestrator.jobs.record import Row
from orchestrator.jobs.turn import Turn, mine
from orchestrator.kit.errors import ApiError
from orchestrator.kit.ids import new_request_id
from orchestrator.tenants.keys import Principal

_MOST_PROBLEMS = 100
_PUT_AT_ONCE = 500
_BREATH = 16
"""Lines that are routed before others get their turn on the event loop."""

Numbered = Sequence[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Preparation:
    """Prepares batches.

    Args:
        engine: Postgres.
        planner: Decides who answers.
        longest: Bytes of a line.
        most_items: Lines of a file.
    """

    engine: AsyncEngine
    planner: Planner
    longest: int
    most_items: int

    async def prepare(self, job: Row, turn: Turn) -> None:
        """Check a batch's file and turn its lines into items, as far as that is not done yet.

        Raises:
            JobGone: If the batch is another worker's by now, or stopped.
        """
        try:
            async with self.engine.connect() as connection:
                owner = await owner_of(connection, job)
        except KeyGone:
            told = "The key it was made with was revoked, or its tenant suspended."
            await _fail(turn, [Problem(None, "key_revoked", told)])
            return
        check = self.planner.checks(owner, job["payload"]["endpoint"])
        if job["state"] == "queued":
            total, problems = await self._checked(job, check)
            if problems:
                await _fail(turn, problems)
                return
            begun = {"state": "running", "total": total, "started_at": repository.NOW}
            await turn.note(**begun)
        await self._fill(job, owner, turn)

    async def _checked(self, job: Row, check: CheckModel) -> tuple[int, list[Problem]]:
        """Return how many requests a file holds, and what is wrong with it."""
        endpoint = job["payload"]["endpoint"]
        seen, problems, total = SeenIds(), list[Problem](), 0
        try:
            async for numbered in lines_of(self._pieces(job), self.longest):
                total += len(numbered)
                problems += await asyncio.to_thread(_read_all, numbered, endpoint, check, seen)
                if len(problems) >= _MOST_PROBLEMS or total > self.most_items:
                    break
        except LineTooLong as error:
            told = f"Line {error.number} is longer than {self.longest} bytes (COE_MAX_BODY_BYTES)."
            problems.append(Problem(error.number, "line_too_long", told))
        if total > self.most_items:
            told = f"A batch may hold {self.most_items} requests (COE_BATCH_REQUESTS)."
            problems.append(Problem(None, "too_many_requests", told))
        elif total == 0 and not problems:
            problems.append(Problem(None, "empty_file", "The file holds no requests."))
        for later, former in seen.repeated(_MOST_PROBLEMS):
            told = f"Line {later} has the custom_id of line {former}."
            problems.append(Problem(later, "duplicate_custom_id", told, "custom_id"))
        problems.sort(key=lambda problem: problem.line or 0)
        return total, problems[:_MOST_PROBLEMS]

    async def _fill(self, job: Row, owner: Principal, turn: Turn) -> None:
        groups = set(job["groups"])
        rows: list[Row] = []
        filled, at = 0, 0
        async for numbered in lines_of(self._pieces(job), self.longest):
            for number, text in numbered:
                filled, at = filled + 1, number
                if number <= job["filled"]:
                    continue
                rows.append(await self._row(job, owner, number, text))
                if filled % _BREATH == 0:
                    await asyncio.sleep(0)
                if len(rows) >= _PUT_AT_ONCE:
                    await self._put(job, rows, groups, at)
                    rows = []
        await self._put(job, rows, groups, at)
        await turn.finish()

    async def _row(self, job: Row, owner: Principal, number: int, text: bytes) -> Row:
        line = read_line(number, text, job["payload"]["endpoint"], lambda _: None)
        if isinstance(line, Problem):  # the file is what it was when it was checked
            raise TypeError(line.message)
        try:
            plan, _ = await self.planner.decide(line.chat, owner, new_request_id())
        except ApiError:
            plan = Plan()  # said again, with its reason, when it is to be answered
        return {
            "number": number,
            "custom_id": line.custom_id,
            "grp": plan.group,
            "body": line.body.decode(),
            "plan": msgspec.to_builtins(plan),
        }

    async def _put(self, job: Row, rows: list[Row], groups: set[str], at: int) -> None:
        if not rows:
            return
        groups |= {row["grp"] for row in rows}
        async with self.engine.begin() as connection:
            await items.put(connection, job["id"], rows)
            # Last, since results of what is put in already wait for the row of their job.
            changes = {"filled": at, "groups": sorted(groups)}
            mine(await repository.note(connection, job, **changes))

    def _pieces(self, job: Row) -> AsyncIterator[bytes]:
        return files.pieces(self.engine, job["payload"]["input_file_id"])


def _read_all(numbered: Numbered, endpoint: str, check: CheckModel, seen: SeenIds) -> list[Problem]:
    """Return what is wrong with lines, and note the ids of the others."""
    problems = []
    for number, text in numbered:
        read = read_line(number, text, endpoint, check)
        if isinstance(read, Line):
            seen.add(number, read.custom_id)
        else:
            problems.append(read)
    return problems


async def _fail(turn: Turn, problems: list[Problem]) -> None:
    first = problems[0]
    await turn.fail(first.code, first.message, [problem.as_error() for problem in problems])
