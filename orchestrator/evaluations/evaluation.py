"""An evaluation from its plan to graded answers and verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experts.catalogue.expert import Expert
from orchestrator.conductor.evaluation.graders import Grading
from orchestrator.conductor.evaluation.graders.grade import Grade, ungradeable
from orchestrator.conductor.evaluation.tasks import GradedTask, TasksInvalid
from orchestrator.conductor.values import Message
from orchestrator.evaluations.asking import Question
from orchestrator.evaluations.collecting import Asking, Collector, judgings
from orchestrator.evaluations.judging import pairs_of
from orchestrator.evaluations.prompts import conversation, judged, request_of
from orchestrator.evaluations.records import Answer, Verdict

_GRADED_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be asked of whom.

    Args:
        tasks: The prompts.
        experts: Who answers.
        judges: Who compares answers to prompts that have no right answer.
        repeat: How often each expert is asked each prompt.
        against: The expert that all others are compared with by judges; ``None``: all with each other.
        form: Whether the answer is asked for in a line of its own.
        parameters: Of every answer, such as ``max_tokens``, ``temperature`` and ``seed``.
    """

    tasks: Sequence[GradedTask]
    experts: Sequence[Expert]
    judges: Sequence[Expert] = ()
    repeat: int = 1
    against: str | None = None
    form: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def question(self, task: GradedTask, expert: Expert, repeat: int = 0) -> Question:
        """Return what an expert is asked."""
        return self.ask(expert, conversation(task, form=self.form), repeat)

    def ask(self, expert: Expert, messages: tuple[Message, ...], repeat: int = 0) -> Question:
        """Return a call with the parameters of all."""
        parameters = dict(self.parameters)
        if isinstance(seed := parameters.get("seed"), int):
            parameters["seed"] = seed + repeat  # the same one would bring the same answer
        return Question(expert, messages, parameters, repeat)

    def answers(self) -> list[Asking]:
        """Return all that experts are asked, prompt by prompt: whatever is there is paired."""
        return [
            Asking(self.question(task, expert, repeat), task)
            for task in self.tasks
            for repeat in range(self.repeat)
            for expert in self.experts
        ]

    def verdicts(self, done: Mapping[str, Answer | Verdict]) -> list[Asking]:
        """Return all that judges are asked, about the first answers of the experts.

        Args:
            done: Answers by the key of their question.
        """
        pairs = pairs_of([expert.id for expert in self.experts], self.against)
        askings: list[Asking] = []
        for task in self.tasks if self.judges else ():
            if judged(task):
                texts = self._texts(task, done)
                request = request_of(task, form=self.form)
                askings += judgings(task, request, texts, pairs, self._of_judges)
        return askings

    def ties(self, done: Mapping[str, Answer | Verdict]) -> list[Verdict]:
        """Return the verdicts that no judge is asked for: on answers that are the same, ties.

        Args:
            done: Answers by the key of their question.
        """
        found: list[Verdict] = []
        for task in self.tasks:
            texts = self._texts(task, done) if judged(task) else {}
            for one, other in pairs_of(list(texts), self.against):
                if one in texts and texts[one] == texts[other]:
                    found += [
                        Verdict(key="", prompt=task.id, judge=judge.id, a=a, b=b, winner="tie")
                        for judge in self.judges
                        for a, b in ((one, other), (other, one))
                    ]
        return found

    def _texts(self, task: GradedTask, done: Mapping[str, Answer | Verdict]) -> dict[str, str]:
        """Return the first answers to a prompt, by expert."""
        return {
            expert.id: found.text
            for expert in self.experts
            if (found := done.get(self.question(task, expert).key)) is not None
        }

    def _of_judges(self, messages: tuple[Message, ...]) -> Iterable[Question]:
        return [self.ask(judge, messages) for judge in self.judges]


@dataclass(frozen=True, slots=True)
class Graded:
    """One answer and what it is worth.

    Args:
        answer: As it came; ``None`` where there is none.
        grade: ``None`` where it was not graded: there is no answer, or only a judge can.
    """

    answer: Answer | None
    grade: Grade | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of a plan.

    Args:
        plan: The plan.
        answers: By prompt and expert, one for each repeat.
        verdicts: Of judges that said something.
        failed: What was asked in vain.
    """

    plan: Plan
    answers: Mapping[tuple[str, str], tuple[Graded, ...]]
    verdicts: Sequence[Verdict]
    failed: Sequence[Answer | Verdict] = ()


async def check(tasks: Iterable[GradedTask], grading: Grading) -> None:
    """Try every prompt before it costs: one its grader cannot read, or whose own target is wrong.

    Raises:
        TasksInvalid: Naming the prompt.
        UnknownGrader: If a prompt names a grader that there is not.
    """
    for task in tasks:
        if judged(task):
            continue
        try:
            await grading.check(task)
        except ValueError as error:
            raise TasksInvalid(f"{task.place}: {error}") from error


async def evaluated(plan: Plan, collector: Collector, grading: Grading) -> Evaluation:
    """Ask what is not known yet, have answers judged, and grade the rest.

    Args:
        plan: See there.
        collector: Asks; knows what is there already.
        grading: Grades.
    """
    await collector.collect(plan.answers())
    askings = plan.verdicts(collector.done)
    await collector.collect(askings)
    verdicts = [
        asking.verdict(said)
        for asking in askings
        if isinstance(said := collector.done.get(asking.question.key), Verdict)
    ]
    return Evaluation(
        plan,
        await _graded(plan, collector.done, grading),
        [*verdicts, *plan.ties(collector.done)],
        collector.failed,
    )


async def _graded(
    plan: Plan, done: Mapping[str, Answer | Verdict], grading: Grading
) -> dict[tuple[str, str], tuple[Graded, ...]]:
    found: dict[tuple[str, str], tuple[Graded, ...]] = {}
    waiting = iter([(task, expert) for task in plan.tasks for expert in plan.experts])

    async def work() -> None:
        for task, expert in waiting:
            answers = [done.get(plan.question(task, expert, n).key) for n in range(plan.repeat)]
            found[task.id, expert.id] = tuple(
                [await _grade(each, task, grading) for each in answers]
            )

    async with asyncio.TaskGroup() as group:
        for _ in range(_GRADED_AT_ONCE):
            group.create_task(work())
    return found


async def _grade(answer: Answer | Verdict | None, task: GradedTask, grading: Grading) -> Graded:
    if not isinstance(answer, Answer):
        return Graded(None)
    if judged(task):
        return Graded(answer)
    try:
        return Graded(answer, await grading.grade(answer.text, task))
    except ValueError as error:  # what only an answer brings to light; answers are paid for
        return Graded(answer, ungradeable(str(error)))
