"""One turn of an evaluation's job: the questions that come next, or the grades of what was answered.

It puts in the questions that can be paid for, whatever they come to; when these have been answered, further ones:
what is left of the budget, then the judges'. When there is nothing more to ask it grades. What there is to ask
depends on what was answered alone, so a job goes on wherever it was cut short.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from experts.catalogue.expert import Expert
from experts.pricing import nanos_of, usd_of
from orchestrator.conductor.evaluation.graders import UnknownGrader
from orchestrator.conductor.evaluation.graders.checkmate import ChessMissing
from orchestrator.conductor.evaluation.tasks import TasksInvalid
from orchestrator.evaluations import results
from orchestrator.evaluations.asking import Again, Question, Reply
from orchestrator.evaluations.collecting import Asking, Collector
from orchestrator.evaluations.evaluation import Evaluation, Plan, check, evaluated
from orchestrator.evaluations.opening import open_grading
from orchestrator.evaluations.prompts import check_judges
from orchestrator.evaluations.purse import Purse
from orchestrator.evaluations.records import Answer, Verdict
from orchestrator.evaluations.summary import summarise
from orchestrator.files import repository as files
from orchestrator.job_kinds.asking import item_of, record_in
from orchestrator.job_kinds.evaluation_prompts import prompts_in
from orchestrator.job_kinds.results import MadeFiles, once
from orchestrator.jobs import items, repository
from orchestrator.jobs.record import Row
from orchestrator.jobs.tables import items as item_table
from orchestrator.jobs.turn import Turn, mine

ANSWERS_FILE = "answers.jsonl"
_PUT_AT_ONCE = 500
_LINES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class EvaluationTurn:
    """One turn.

    Args:
        made: Writes files.
        job: As it was taken.
        turn: Stores how far it is.
    """

    made: MadeFiles
    job: Row
    turn: Turn

    async def take(self) -> None:
        """Put in what is to be asked, or grade what was answered."""
        job, turn = self.job, self.turn
        await turn.begin()
        try:
            plan = await self._plan()
            if job["kept"] is None:
                await _apart(_checked(plan))
        except (TasksInvalid, UnknownGrader, ChessMissing) as error:
            await turn.fail("evaluation_failed", f"{error}.".replace("..", "."))
            return
        found = await _found(turn, job["id"])
        wanted, complete = await asyncio.to_thread(_wanted, plan, found, _left(job))
        if wanted:
            await turn.tell("putting in questions", 0, len(wanted))
            await self._put(plan, wanted, len(found.keys))
            return
        await turn.tell("grading", 0, len(found.done))
        evaluation = await _apart(_graded(plan, found))
        await self._finish(evaluation, found, complete)

    async def _plan(self) -> Plan:
        payload = self.job["payload"]
        pieces = files.pieces(self.turn.engine, payload["input_file_id"])
        data = b"".join([piece async for piece in pieces])
        entries = {name: Expert.model_validate(entry) for name, entry in payload["entries"].items()}
        tasks = await asyncio.to_thread(
            prompts_in, data, payload["count"], tuple(payload["categories"])
        )
        check_judges(tasks, len(payload["judges"]), "the file")
        return Plan(
            tasks=tasks,
            experts=[entries[name] for name in payload["experts"]],
            judges=[entries[name] for name in payload["judges"]],
            repeat=payload["repeat"],
            against=payload["against"],
            form=payload["form"],
            parameters=payload["parameters"],
        )

    async def _put(self, plan: Plan, wanted: Sequence[Asking], before: int) -> None:
        """Put in questions, all or none, and have another turn when they have been asked."""
        job, most = self.job, plan.parameters["max_tokens"]
        async with self.turn.engine.begin() as connection:
            for start in range(0, len(wanted), _PUT_AT_ONCE):
                some = wanted[start : start + _PUT_AT_ONCE]
                rows = await asyncio.to_thread(
                    lambda some=some, start=start: [  # type: ignore[misc]
                        item_of(before + start + n, each, most) for n, each in enumerate(some, 1)
                    ]
                )
                await items.put(connection, job["id"], rows)
            groups = {*job["groups"], *(each.question.expert.id for each in wanted)}
            changes: Row = {
                "total": before + len(wanted),
                "groups": sorted(groups),
                "kept": {"asked": before + len(wanted)},
                "prepared": True,
                "again": True,
                "worker": None,
                "work": None,
            }
            mine(await repository.note(connection, job, **changes))

    async def _finish(self, evaluation: Evaluation, found: _Found, complete: bool) -> None:
        job, spent = self.job, self.job["cost_nanos"]
        report = await asyncio.to_thread(summarise, evaluation, spent=spent, complete=complete)
        texts = await asyncio.to_thread(results.files_of, evaluation, report, "an uploaded file")
        lines = b"".join(msgspec.json.encode(each) + b"\n" for each in found.done.values())
        made = [await self.made.made(job, ANSWERS_FILE, once(lines))]
        for name, text in texts.items():
            made.append(await self.made.made(job, name, once(text.encode())))
        result: dict[str, Any] = {
            "prompts": len(evaluation.plan.tasks),
            "answers": sum(isinstance(each, Answer) for each in found.done.values()),
            "verdicts": sum(isinstance(each, Verdict) for each in found.done.values()),
            "asked_in_vain": len(found.failed),
            "complete": complete,
            "usd": usd_of(spent),
            "experts": report["experts"],
        }
        await self.turn.finish(msgspec.to_builtins({**result, "files": made}))


@dataclass(frozen=True, slots=True)
class _Found:
    """What items say so far.

    Args:
        keys: Of all questions that were put in.
        done: Answers and verdicts by their keys.
        failed: What was asked in vain.
    """

    keys: frozenset[str]
    done: Mapping[str, Answer | Verdict]
    failed: Sequence[Answer | Verdict]


async def _found(turn: Turn, job_id: str) -> _Found:
    """Read what items say."""
    async with turn.engine.connect() as connection:
        query = sa.select(item_table.c.custom_id).where(item_table.c.job_id == job_id)
        keys = frozenset(await connection.scalars(query))
    records: dict[bool, list[Answer | Verdict]] = {True: [], False: []}
    for good, found in records.items():
        after = -1
        while True:
            async with turn.engine.connect() as connection:
                lines = await items.lines(
                    connection, job_id, good=good, after=after, most=_LINES_AT_ONCE
                )
            if not lines:
                break
            found += [each for _, line in lines if (each := record_in(line)) is not None]
            after = lines[-1][0]
    return _Found(keys, {each.key: each for each in records[True]}, records[False])


def _left(job: Row) -> int | None:
    """Return what may still be spent, in billionths of a dollar; ``None``: there is no limit."""
    most = job["payload"]["max_usd"]
    return None if most is None else nanos_of(most) - int(job["cost_nanos"])


def _wanted(plan: Plan, found: _Found, left: int | None) -> tuple[list[Asking], bool]:
    """Return what is to be asked next, and whether all that is to be asked is among it or was.

    Answers come first, then verdicts, each as many as can be paid for whatever they come to.
    """
    complete = True
    for askings in (plan.answers(), plan.verdicts(found.done)):
        missing = _missing(askings, found.keys)
        chosen = _affordable(missing, plan.parameters["max_tokens"], left)
        if chosen:
            return chosen, False
        complete = complete and not missing
    return [], complete


def _missing(askings: Iterable[Asking], known: frozenset[str]) -> list[Asking]:
    by_key = {each.question.key: each for each in askings}  # the same question is asked once
    return [each for key, each in by_key.items() if key not in known]


def _affordable(askings: Sequence[Asking], tokens: int, left: int | None) -> list[Asking]:
    if left is None:
        return list(askings)
    chosen = []
    for each in askings:
        most = each.question.most(tokens)
        if most <= left:
            chosen.append(each)
            left -= most
    return chosen


class _Nobody:
    """Asks nobody: all that can be asked was."""

    async def ask(self, question: Question, again: Again) -> Reply:
        """Refuse."""
        del again
        raise TypeError(f"{question.key} was to be asked")


async def _checked(plan: Plan) -> None:
    async with open_grading() as grading:
        await check(plan.tasks, grading)


async def _graded(plan: Plan, found: _Found) -> Evaluation:
    purse = Purse(limit=-1)  # what is not there is left out
    collector = Collector(
        _Nobody(), purse, lambda _: None, done=dict(found.done), failed=list(found.failed)
    )
    async with open_grading() as grading:
        return await evaluated(plan, collector, grading)


async def _apart(work: Any) -> Any:
    """Do something in a thread, on an event loop of its own: it computes for long."""
    return await asyncio.to_thread(asyncio.run, work)
