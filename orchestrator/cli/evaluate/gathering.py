"""What the commands that ask experts have in common: the estimate, the questions, the progress."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli import output

if TYPE_CHECKING:
    from experts.catalogue.expert import Expert
    from orchestrator.conductor.evaluation.tasks import GradedTask
    from orchestrator.evaluations.asking import Asker
    from orchestrator.evaluations.collecting import Told
    from orchestrator.evaluations.estimates import Estimate
    from orchestrator.evaluations.evaluation import Evaluation, Plan
    from orchestrator.evaluations.records import Answer

_INTERPRETER = "python"


@dataclass(frozen=True, slots=True)
class Way:
    """How questions are asked.

    Args:
        out: Directory; ``None``: nothing is kept.
        max_usd: US dollars at most.
        at_once: Questions under way at a time.
        timeout: Seconds for one answer.
        through: Ask through the service.
        url: Of the service.
        key: For the service.
        quiet: Show no progress.
    """

    out: Path | None
    max_usd: float | None
    at_once: int
    timeout: float
    through: bool
    url: str | None
    key: str | None
    quiet: bool


@dataclass(frozen=True, slots=True)
class Gathered:
    """What came of it.

    Args:
        evaluation: Graded answers and verdicts.
        spent: Billionths of a US dollar, with what was spent before.
        complete: Whether the budget was enough.
    """

    evaluation: Evaluation
    spent: int
    complete: bool

    @property
    def missing(self) -> str:
        """Say what is missing and why; empty where nothing is."""
        from orchestrator.evaluations.summary import failures

        answers = sum(
            each.answer is None for several in self.evaluation.answers.values() for each in several
        )
        if not self.complete:
            return (
                f"The budget is used up: {answers} answers are missing, and perhaps verdicts. "
                "With a larger --max-usd and the same --out it goes on."
            )
        reasons = failures(self.evaluation)
        if not reasons:
            return ""
        return (
            f"{sum(each['n'] for each in reasons)} questions were asked in vain, such as "
            f"{reasons[0]['expert']}: {reasons[0]['reason']}. With the same --out they are asked again."
        ).replace("..", ".")


def gather(plan: Plan, way: Way, given: Mapping[str, Answer] | None = None) -> Gathered:
    """Ask what a plan asks, and grade it. Ends the program with a sentence where that cannot be.

    Args:
        plan: See there.
        way: See there.
        given: Answers that are there already, by the key of their question.
    """
    import asyncio

    return asyncio.run(_gather(plan, way, given or {}))


def foretold(plan: Plan, way: Way, given: Mapping[str, Answer] | None = None) -> None:
    """Print what a plan still costs.

    Args:
        plan: See there.
        way: See there.
        given: Answers that are there already.
    """
    import asyncio

    from orchestrator.evaluations.folder import open_folder

    asyncio.run(_checked(plan))
    exists = way.out is not None and way.out.exists()
    with open_folder(way.out) if way.out is not None and exists else nullcontext() as folder:
        found = _estimate(plan, {**({} if folder is None else folder.done), **(given or {})})
    if way.quiet:
        output.as_json(
            {
                "answers": found.answers,
                "verdicts": found.verdicts,
                "usual_usd": usd(found.usual),
                "most_usd": usd(found.most),
            }
        )
    else:
        output.text(_sentence(found))


def _estimate(plan: Plan, done: Mapping[str, Any]) -> Estimate:
    from orchestrator.evaluations.estimates import estimate
    from router.mapping import EXPECTED_ANSWER_TOKENS

    most = plan.parameters["max_tokens"]
    return estimate(plan, done, usual=EXPECTED_ANSWER_TOKENS, most=most)


def _sentence(found: Estimate) -> str:
    verdicts = f" and {found.verdicts} verdicts" if found.verdicts else ""
    return (
        f"{found.answers} answers{verdicts} to ask for: about ${usd(found.usual):.4f}, "
        f"${usd(found.most):.4f} at most."
    )


def usd(nanos: int) -> float:
    """Return US dollars."""
    from experts.pricing import usd_of

    return usd_of(nanos)


def parameters(
    max_tokens: int, temperature: float | None, seed: int | None
) -> dict[str, int | float]:
    """Return the fields of every question."""
    given = {"max_tokens": max_tokens, "temperature": temperature, "seed": seed}
    return {name: value for name, value in given.items() if value is not None}


def everyone(entries: Sequence[Expert], judges: Sequence[Expert]) -> list[Expert]:
    """Return all that answer questions, but for judges, who should not judge themselves.

    Ends the program with a sentence where there is nobody.
    """
    left_out = {judge.id for judge in judges}
    found = [
        entry
        for entry in entries
        if entry.enabled
        and not entry.embeds
        and entry.provider != _INTERPRETER
        and entry.id not in left_out
    ]
    if not found:
        output.fail("There is no expert that could be asked.", code=2)
    return found


def named(entries: Sequence[Expert], names: str) -> list[Expert]:
    """Return experts by id, with commas between. Ends the program where there is none of an id."""
    by_id = {entry.id: entry for entry in entries}
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    for name in wanted:
        if name not in by_id:
            known = ", ".join(by_id) or "none"
            output.fail(f"There is no expert '{name}'; there are {known}.", code=2)
        if not by_id[name].enabled or by_id[name].embeds:
            output.fail(f"Expert '{name}' does not answer: it is disabled or embeds.", code=2)
    if not wanted:
        output.fail("Name at least one expert.", code=2)
    return [by_id[name] for name in wanted]


def prompts_of(path: Path, count: int | None, categories: list[str] | None) -> list[GradedTask]:
    """Read prompts, perhaps some of them only."""
    from orchestrator.conductor.evaluation.tasks import drawn
    from orchestrator.evaluations.prompts import read_prompts

    tasks = read_prompts(path)
    there = dict.fromkeys(task.category for task in tasks)
    for name in categories or ():
        if name not in there:
            output.fail(f"There is no category '{name}'; there are {', '.join(there)}.", code=2)
    tasks = [task for task in tasks if not categories or task.category in categories]
    return tasks if count is None else drawn(tasks, count)


async def _gather(plan: Plan, way: Way, given: Mapping[str, Answer]) -> Gathered:
    from experts.pricing import nanos_of
    from orchestrator.evaluations.collecting import Collector
    from orchestrator.evaluations.evaluation import check, evaluated
    from orchestrator.evaluations.folder import open_folder
    from orchestrator.evaluations.opening import open_grading
    from orchestrator.evaluations.purse import Purse

    with nullcontext() if way.out is None else open_folder(way.out) as folder:
        done = {**({} if folder is None else folder.done), **given}
        purse = Purse(
            None if way.max_usd is None else nanos_of(way.max_usd),
            spent=0 if folder is None else folder.spent,
        )
        async with _asker(way) as asker, open_grading() as grading:
            await check(plan.tasks, grading)
            estimate = _estimate(plan, done)
            if not way.quiet:
                output.remark(_sentence(estimate))
            with _progress(estimate.answers, quiet=way.quiet) as tick:

                def keep(record: Any) -> None:
                    if folder is not None:
                        folder.keep(record)
                    tick(record)

                collector = Collector(
                    asker, purse, keep, way.at_once, plan.parameters["max_tokens"], done
                )
                found = await evaluated(plan, collector, grading)
        return Gathered(found, purse.spent, not purse.refused)


async def _checked(plan: Plan) -> None:
    from orchestrator.evaluations.evaluation import check
    from orchestrator.evaluations.opening import open_grading

    async with open_grading() as grading:
        await check(plan.tasks, grading)


@asynccontextmanager
async def _asker(way: Way) -> AsyncIterator[Asker]:
    import os

    from coe_client import AsyncCoe
    from orchestrator.cli.connection import data_dir, locate
    from orchestrator.evaluations.asking import LocalAsker
    from orchestrator.evaluations.opening import open_caller
    from orchestrator.evaluations.remote import RemoteAsker

    if not way.through:
        async with open_caller() as caller:
            yield LocalAsker(caller, way.timeout)
        return
    target = locate(way.url, way.key, data_dir(os.environ))
    async with AsyncCoe(base_url=target.url, api_key=target.key, timeout=way.timeout) as client:
        yield RemoteAsker(client)


@contextmanager
def sentences() -> Iterator[None]:
    """End the program with one sentence where the input is at fault."""
    from experts.catalogue.errors import CatalogueInvalid
    from orchestrator.cli.catalogue_file import FileInvalid
    from orchestrator.conductor.evaluation.graders import UnknownGrader
    from orchestrator.conductor.evaluation.graders.checkmate import ChessMissing
    from orchestrator.conductor.evaluation.tasks import TasksInvalid
    from orchestrator.kit.line_file import OutputInvalid
    from router.data import DatasetInvalid

    at_fault = (CatalogueInvalid, ChessMissing, FileInvalid, OutputInvalid, TasksInvalid)
    try:
        yield
    except (*at_fault, UnknownGrader, DatasetInvalid) as error:
        output.fail(f"{error}.".replace("..", "."))
    except OSError as error:
        output.fail(f"{error.filename or 'file'}: {error.strerror or error}.")


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Told]:
    """Yield what is told every record: a bar on standard error, with what was spent."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from orchestrator.evaluations.records import Answer

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("${task.fields[usd]:.4f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bars:
        answers = bars.add_task("answers", total=total, usd=0.0)
        verdicts: list[Any] = []
        spent = 0

        def tick(record: Any) -> None:
            nonlocal spent
            spent += record.nanos
            if isinstance(record, Answer):
                bars.update(answers, advance=1, usd=usd(spent))
                return
            if not verdicts:
                verdicts.append(bars.add_task("verdicts", total=None, usd=0.0))
            bars.update(verdicts[0], advance=1, usd=usd(spent))

        yield tick


def written(path: Path, files: dict[str, str]) -> None:
    """Write results into a directory, each whole or not at all."""
    for name, content in files.items():
        part = path / f"{name}.part"
        part.write_text(content, encoding="utf-8")
        part.replace(path / name)
    output.remark(f"Written to {path}: {', '.join(files)}.")
