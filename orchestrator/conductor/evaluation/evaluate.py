"""Runs every task under every strategy, a bounded number at once, and grades what comes of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from orchestrator.conductor.answers import options_in
from orchestrator.conductor.engine import execute
from orchestrator.conductor.evaluation.final import final_answer
from orchestrator.conductor.evaluation.graders import Grading
from orchestrator.conductor.evaluation.record import Record, Sample
from orchestrator.conductor.evaluation.tasks import GradedTask, TasksInvalid
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.nodes.conclude import NothingAnswered
from orchestrator.conductor.ports import Experts, Interpreter, NoExpert
from orchestrator.conductor.run import Run
from orchestrator.conductor.strategies import Strategy
from orchestrator.conductor.strategies.self_consistency import same_answer
from orchestrator.conductor.values import Outcome, Step, Task

FORM = "\n\nEnd with one line that holds nothing but the answer, exactly as asked for:\nFINAL ANSWER: ..."
_SHOWN = 500
_SAMPLE = "sample."


@dataclass(frozen=True, slots=True)
class Setting:
    """What all runs of an evaluation have in common.

    Args:
        experts_for: Makes the experts for a run, by the run's id.
        sandbox: Runs what experts write.
        grading: Grades.
        limits: Of each run.
        policy: Under which experts are chosen.
        parameters: Sampling parameters of every call, such as ``seed`` and ``temperature``.
        form: Whether every prompt asks for the answer in a line of its own (:data:`FORM`).
        at_once: Runs under way at the same time.
        active_parameters: Billions by expert, where they are known.
    """

    experts_for: Callable[[str], Experts]
    sandbox: Interpreter
    grading: Grading
    limits: Limits = field(default_factory=Limits)
    policy: str = "quality"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    form: bool = True
    at_once: int = 4
    active_parameters: Mapping[str, float | None] = field(default_factory=dict)

    def fingerprint(self, experts: str, samples: int) -> dict[str, Any]:
        """Return all that a record depends on beside task and strategy, for the file of records.

        Args:
            experts: The experts' entries, as text.
            samples: How many answers are voted on.
        """
        return {
            "experts": _digest(experts),
            "samples": samples,
            "limits": asdict(self.limits),
            "policy": self.policy,
            "parameters": dict(self.parameters),
            "form": self.form,
        }


async def evaluate(
    tasks: Sequence[GradedTask],
    strategies: Sequence[Strategy],
    setting: Setting,
    *,
    done: Iterable[Record] = (),
    finished: Callable[[Record], None] | None = None,
) -> list[Record]:
    """Run tasks under strategies and return what came of it, by task, then strategy.

    Args:
        tasks: See there.
        strategies: See there.
        setting: See there.
        done: Records of an earlier evaluation with the same settings; they are not made again.
        finished: Is told every new record.

    Raises:
        TasksInvalid: If a task cannot be graded, whatever the answer; before anybody is asked.
        UnknownGrader: If a task names a grader that there is not; likewise.
    """
    for task in tasks:
        await _check(task, setting.grading)
    for strategy in strategies:
        strategy.flow().compile()  # what is imported for it is no part of the first run's time
    records = {(each.task, each.strategy): each for each in usable(done, tasks, strategies)}
    waiting = iter(
        [
            (task, strategy)
            for task in tasks
            for strategy in strategies
            if (task.id, strategy.name) not in records
        ]
    )

    async def work() -> None:
        for task, strategy in waiting:
            record = await evaluated(task, strategy, setting)
            records[task.id, strategy.name] = record
            if finished is not None:
                finished(record)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(setting.at_once):
                group.create_task(work())
    except ExceptionGroup as several:
        raise several.exceptions[0] from several
    return [records[task.id, strategy.name] for task in tasks for strategy in strategies]


def usable(
    done: Iterable[Record], tasks: Sequence[GradedTask], strategies: Sequence[Strategy]
) -> list[Record]:
    """Return those of earlier records that are of these tasks, unchanged, and these strategies."""
    digests = {task.id: _digest_of(task) for task in tasks}
    names = {strategy.name for strategy in strategies}
    return [
        record
        for record in done
        if record.strategy in names and digests.get(record.task) == record.digest
    ]


async def evaluated(task: GradedTask, strategy: Strategy, setting: Setting) -> Record:
    """Run one task under one strategy and grade the answer."""
    prompt = task.prompt + FORM if setting.form else task.prompt
    run = Run(
        task=Task(
            messages=({"role": "user", "content": prompt},),
            text=task.prompt,
            policy=setting.policy,
            parameters=dict(setting.parameters),
        ),
        experts=setting.experts_for(f"run_{_digest(f'{strategy.name} {task.id}')[:16]}"),
        interpreter=setting.sandbox,
        limits=setting.limits,
    )
    try:
        outcome = await execute(strategy, run)
    except (NothingAnswered, NoExpert) as error:
        return _failed(task, strategy, run, str(error))
    return await _graded(task, strategy, outcome, setting)


async def _graded(
    task: GradedTask, strategy: Strategy, outcome: Outcome, setting: Setting
) -> Record:
    grade = await setting.grading.grade(outcome.text, task)
    voted_on = [step for step in outcome.steps if step.key.startswith(_SAMPLE)]
    return Record(
        task=task.id,
        digest=_digest_of(task),
        category=task.category,
        strategy=strategy.name,
        right=grade.right,
        reason=grade.reason,
        answer=final_answer(outcome.text)[:_SHOWN],
        stopped=outcome.stopped,
        verified=outcome.verified,
        calls=outcome.calls,
        tokens=outcome.tokens,
        usd=outcome.usd,
        seconds=round(outcome.seconds, 6),
        active_parameters=_active(outcome.steps, setting.active_parameters),
        samples=tuple([await _sample(step, task, setting) for step in voted_on]),
    )


async def _sample(step: Step, task: GradedTask, setting: Setting) -> Sample:
    answered = step.status == "ok" and step.output.strip()
    grade = await setting.grading.grade(step.output, task) if answered else None
    return Sample(
        answer=same_answer(step.output, options_in(task.prompt))[:_SHOWN] if answered else "",
        right=grade.right if grade else False,
        usd=step.usd,
        tokens=step.prompt_tokens + step.completion_tokens,
    )


def _failed(task: GradedTask, strategy: Strategy, run: Run, reason: str) -> Record:
    return Record(
        task=task.id,
        digest=_digest_of(task),
        category=task.category,
        strategy=strategy.name,
        status="failed",
        right=False,
        reason=reason[:_SHOWN],
        calls=run.spent.calls,
        tokens=run.spent.tokens,
        usd=run.spent.usd,
        seconds=round(run.seconds, 6),
    )


def _active(steps: Iterable[Step], billions: Mapping[str, float | None]) -> float | None:
    """Return the active parameters of all calls together; ``None`` where one is not known."""
    asked = [step for step in steps if step.expert in billions and not step.reused_from]
    known = [size for step in asked if (size := billions[step.expert]) is not None]
    return sum(known) if len(known) == len(asked) and asked else None


async def _check(task: GradedTask, grading: Grading) -> None:
    try:
        await grading.check(task)
    except ValueError as error:
        raise TasksInvalid(f"task {task.id} ({task.category}): {error}") from error


def _digest_of(task: GradedTask) -> str:
    said = {name: value for name, value in asdict(task).items() if name != "row"}
    return _digest(json.dumps(said, sort_keys=True))[:16]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
