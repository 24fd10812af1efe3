"""Questions asked, a bounded number at once, within a budget, each answer kept as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.conductor.values import Message
from orchestrator.evaluations.asking import Asker, Question, Reply
from orchestrator.evaluations.judging import shown, verdict_in
from orchestrator.evaluations.purse import Purse
from orchestrator.evaluations.records import Answer, Verdict

Told = Callable[[Answer | Verdict], None]


@dataclass(frozen=True, slots=True)
class Asking:
    """A question, and what it is asked for.

    Args:
        question: The call.
        task: The prompt.
        pair: Of a judge: whose answer is shown first, and whose second.
    """

    question: Question
    task: GradedTask
    pair: tuple[str, str] | None = None

    def record(self, reply: Reply) -> Answer | Verdict:
        """Return what came of it, to be kept."""
        question = self.question
        if self.pair is None:
            return Answer(
                key=question.key,
                prompt=self.task.id,
                expert=question.expert.id,
                repeat=question.repeat,
                text=reply.text,
                error=reply.error,
                read=reply.read,
                written=reply.written,
                nanos=reply.nanos,
                seconds=reply.seconds,
                cut=reply.cut,
            )
        return Verdict(
            key=question.key,
            prompt=self.task.id,
            judge=question.expert.id,
            a=self.pair[0],
            b=self.pair[1],
            winner="unclear" if reply.error else verdict_in(reply.text),
            text=reply.text,
            error=reply.error,
            nanos=reply.nanos,
            seconds=reply.seconds,
        )

    def verdict(self, said: Verdict) -> Verdict:
        """Return a verdict as that on this pair: the same two texts may be those of another."""
        first, second = self.pair or (said.a, said.b)
        return msgspec.structs.replace(said, prompt=self.task.id, a=first, b=second)


@dataclass(slots=True)
class Collector:
    """Asks.

    Args:
        asker: How.
        purse: What may be spent.
        keep: Is given every new record, at once.
        at_once: Questions under way at the same time.
        most_tokens: That an answer has at the most, for what is set aside for it.
        done: Records by the key of their question; what is here is not asked again.
        failed: Records of what was asked in vain.
    """

    asker: Asker
    purse: Purse
    keep: Told
    at_once: int = 8
    most_tokens: int = 1024
    done: dict[str, Answer | Verdict] = field(default_factory=dict)
    failed: list[Answer | Verdict] = field(default_factory=list)

    async def collect(self, askings: Iterable[Asking]) -> None:
        """Ask what is not known yet; what cannot be paid for is left out.

        Raises:
            OSError: If a record cannot be kept.
        """
        missing = {each.question.key: each for each in askings}  # the same question is asked once
        waiting = iter([each for key, each in missing.items() if key not in self.done])

        async def work() -> None:
            for asking in waiting:
                await self._one(asking)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.at_once):
                    group.create_task(work())
        except ExceptionGroup as several:
            raise several.exceptions[0] from several

    async def _one(self, asking: Asking) -> None:
        question = asking.question
        async with self.purse.set_aside(question.most(self.most_tokens)) as allowance:
            if allowance is None:
                return
            reply = await self.asker.ask(question, allowance.again)
            allowance.paid = reply.nanos
            record = asking.record(reply)
            self.keep(record)
            if reply.error:
                self.failed.append(record)
            else:
                self.done[record.key] = record


def judgings(
    task: GradedTask,
    request: str,
    texts: dict[str, str],
    pairs: Iterable[tuple[str, str]],
    asked: Callable[[tuple[Message, ...]], Iterable[Question]],
) -> list[Asking]:
    """Return what judges are asked about the answers to a prompt: each pair in both orders.

    Args:
        task: The prompt.
        request: What the experts were asked.
        texts: Their answers; a pair of which one has not answered is left out.
        pairs: Who is compared. Answers that are the same are not: a judge would see no difference.
        asked: Makes the questions to all judges.
    """
    found = []
    for one, other in pairs:
        if one in texts and other in texts and texts[one] != texts[other]:
            for first, second in ((one, other), (other, one)):
                messages = shown(request, texts[first], texts[second])
                found += [Asking(each, task, (first, second)) for each in asked(messages)]
    return found
