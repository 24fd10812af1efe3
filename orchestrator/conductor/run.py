"""One run: asks experts and runs code for a strategy, within limits, each thing once, on record."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from experts import tracing
from experts.errors import ExpertError, ExpertTimedOut
from experts.pricing import nanos_of, usd_of
from orchestrator.conductor.events import (
    AnswerDelta,
    Emit,
    StepDelta,
    StepFinished,
    StepStarted,
    ignore,
)
from orchestrator.conductor.gate import History
from orchestrator.conductor.limits import LimitReached, Limits, Spent, check_call
from orchestrator.conductor.ports import (
    Experts,
    Gate,
    Interpreter,
    Ledger,
    Lessons,
    MemoryLedger,
    NoExpert,
    NoLessons,
    NoStrategies,
    Strategies,
    open_gate,
)
from orchestrator.conductor.values import (
    Amendment,
    Ask,
    Outcome,
    Said,
    Step,
    StepKind,
    StepStatus,
    Task,
    storable,
)
from orchestrator.conductor.work import Numbers, Work, digest, fingerprint, paid, together

if TYPE_CHECKING:
    from orchestrator.conductor.panel import Reliability

_CHARACTERS_PER_TOKEN = 4
_AMPLE_TOKENS = 32_000
"""With more than this left, an expert is not told how much it may write."""


def unheard(outcome: Outcome) -> None:
    """Let nobody know what a run came to."""
    del outcome


@dataclass(slots=True)
class Run:
    """What nodes work with. One for each execution of a strategy; not to be shared between runs.

    Args:
        task: What is to be answered.
        experts: Everyone who can be asked.
        interpreter: Runs code.
        limits: What may be used.
        history: How answers of the task's category have fared.
        ledger: Remembers finished steps.
        emit: Is told what happens.
        clock: Seconds since 1970.
        started_at: When the run began; earlier than now if it is resumed.
        gate: Is asked before an expert is called or code is run.
        amended: By key, what is to be different about a step.
        reliability: How far experts' answers are to be believed; ``None``: as the router expects.
        lessons: What earlier runs have taught.
        ended: Is told what the run came to.
        strategies: May work on a part of the task, a level below; see :mod:`.nesting`.
        prefix: Of the keys of all steps; not empty below the first level.
        depth: The level, from 1.
        errors: By key, codes of what made steps fail.
    """

    task: Task
    experts: Experts
    interpreter: Interpreter
    limits: Limits = field(default_factory=Limits)
    history: History = field(default_factory=History)
    ledger: Ledger = field(default_factory=MemoryLedger)
    emit: Emit = ignore
    clock: Callable[[], float] = time.time
    started_at: float = 0.0
    gate: Gate = open_gate
    amended: Mapping[str, Amendment] = field(default_factory=dict)
    reliability: Reliability | None = None
    lessons: Lessons = field(default_factory=NoLessons)
    ended: Callable[[Outcome], None] = unheard
    strategies: Strategies = field(default_factory=NoStrategies)
    prefix: str = ""
    depth: int = 1
    errors: dict[str, str] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)
    steps: dict[str, Step] = field(default_factory=dict)
    _same: dict[str, asyncio.Task[Step]] = field(default_factory=dict, repr=False)
    _before: dict[str, Step] = field(default_factory=dict, repr=False)
    _numbers: Numbers = field(default_factory=Numbers, repr=False)

    def __post_init__(self) -> None:
        self.started_at = self.started_at or self.clock()

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return max(self.clock() - self.started_at, 0.0)

    @property
    def tokens_left(self) -> int:
        """How many tokens may still be read and written."""
        return max(self.limits.tokens - self.spent.tokens, 0)

    @property
    def own_steps(self) -> list[Step]:
        """The steps of this level and of those below it."""
        return [step for key, step in self.steps.items() if key.startswith(self.prefix)]

    def step(self, key: str) -> Step | None:
        """Return a step of this level that has begun."""
        return self.steps.get(self.prefix + key)

    def below(self, key: str, task: Task) -> Run:
        """Return a run of a part of the task. All it uses and does is this run's, a level below.

        Args:
            key: Leads the keys of its steps.
            task: The part.
        """
        emit = self.emit
        return replace(
            self,
            task=task,
            prefix=f"{key}/",
            depth=self.depth + 1,
            emit=lambda event: None if isinstance(event, AnswerDelta) else emit(event),
        )

    def recall(self, steps: Iterable[Step]) -> None:
        """Take over the finished steps of a run that is resumed, so that none is done again."""
        for step in sorted(steps, key=lambda step: step.number):
            self._add(step)

    async def ask(self, ask: Ask) -> Step:
        """Ask an expert; an identical question is asked once and answered each time.

        Returns:
            The finished step. One that failed says why in ``output``.

        Raises:
            LimitReached: Where a limit stands in the way.
        """
        ask = replace(ask, key=self.prefix + ask.key)
        known = await self.recalled(ask.key)
        if known is not None:
            return known
        if ask.key in self.amended:
            ask = self.amended[ask.key].ask(ask)
        try:
            expert = self.experts.choose(ask, self.task)
        except NoExpert as error:
            return await self._failed(ask, str(error))
        return await self.once(
            fingerprint(expert, ask),
            self._opened(ask, expert),
            lambda step: self._traced(ask, step),
        )

    async def ask_all(self, asks: Iterable[Ask]) -> list[Step]:
        """Ask several experts at once.

        Raises:
            LimitReached: Where a limit stands in the way of one; the others are finished first.
        """
        return await together(map(self.ask, asks))

    async def python(self, key: str, code: str, *, kind: StepKind = "python") -> Step:
        """Run code; the same code is run once."""
        key = self.prefix + key
        known = await self.recalled(key)
        if known is not None:
            return known
        if key in self.amended:
            code = self.amended[key].instruction or code
        step = Step(key, 0, kind, "Python", "running", input=code)
        return await self.once(f"python {digest(code)}", step, self._executed)

    async def note(
        self, key: str, kind: StepKind, title: str, *, given: str = "", found: str = ""
    ) -> Step:
        """Record a step that costs nothing: a vote, a check, a choice."""
        key = self.prefix + key
        known = await self.recalled(key)
        if known is not None:
            return known
        step = await self.begin(Step(key, 0, kind, title, "running", input=given))
        return await self.finish(replace(step, status="ok", output=found))

    async def recalled(self, key: str) -> Step | None:
        """Return a step that was finished before the run was resumed, by its whole key."""
        known = self.steps.get(key)
        if known is not None and known.status != "running":
            return known
        found = await self.ledger.find(key)
        if found is not None:
            self._add(found)
        return found

    async def once(self, same: str, step: Step, work: Work) -> Step:
        """Do something, or take over what an identical step came to.

        Args:
            same: Equal for steps that are identical.
            step: That is to be begun.
            work: Begins and finishes it.
        """
        if same in self._before:
            return await self._reused(step, self._before[same])
        running = self._same.get(same)
        if running is not None:
            return await self._reused(step, await asyncio.shield(running))
        step = replace(step, fingerprint=same)
        running = self._same[same] = asyncio.create_task(work(step))
        failed = True
        try:
            found = await running
            failed = found.status == "failed"
        finally:
            if failed:
                del self._same[same]  # it may be tried again
        return found

    async def _traced(self, ask: Ask, step: Step) -> Step:
        with tracing.span(f"step {step.kind}") as span:
            ended = await self._asked(ask, step)
            span.set(coe__step__key=ended.key, coe__step__status=ended.status)
            return ended

    async def _asked(self, ask: Ask, step: Step) -> Step:
        expected = self._expected(ask, step.expert)
        # What is kept for the last word is kept for that of the whole run.
        last = ask.concluding and self.depth == 1
        check_call(self.limits, self.spent, self.seconds, expected, concluding=last)
        await self.gate(step)
        self.spent.add(expected)
        bounded = self._bounded(ask, step.expert)
        before = await self.ledger.given_up(step.key)
        # Whoever is killed now has had the prompt read, and paid for that.
        step = await self.begin(paid(step, before, self._prompt(ask, step.expert)))
        begun, costs = self.clock(), [Said(step.expert, "")]
        try:
            async with asyncio.timeout(max(self.limits.seconds - self.seconds, 1.0)):
                said = await self.experts.ask(
                    step.expert,
                    bounded,
                    self.task,
                    lambda text: self._tell(step, text),
                    costs.append,
                )
        except ExpertError as error:
            self.errors[step.key] = error.code
            step = self._ended(step, begun, "failed", str(error))
        except TimeoutError:
            self.errors[step.key] = ExpertTimedOut.code
            reason = f"no answer within the run's {self.limits.seconds:g} seconds"
            step = self._ended(step, begun, "failed", reason)
        except BaseException:
            await self._left(paid(step, before, costs[-1]))
            raise
        else:
            costs.append(said)
            tool_calls = tuple(storable(said.tool_calls))
            step = replace(self._ended(step, begun, "ok", said.text), tool_calls=tool_calls)
        step = paid(step, before, costs[-1])
        self.spent.take_back(expected)
        self.spent.add(Spent(1, step.prompt_tokens + step.completion_tokens, step.usd))
        return await self.finish(step)

    async def _executed(self, step: Step) -> Step:
        if self.seconds >= self.limits.seconds:
            raise LimitReached("seconds", self.limits.seconds)
        await self.gate(step)
        step = await self.begin(step)
        begun = self.clock()
        output = await self.interpreter.run(step.input)
        return await self.finish(self._ended(step, begun, "ok", output))

    async def _reused(self, step: Step, first: Step) -> Step:
        step = await self.begin(step)
        return await self.finish(
            replace(
                step,
                status=first.status,
                expert=first.expert,
                output=first.output,
                tool_calls=first.tool_calls,
                reused_from=first.key,
            )
        )

    async def _failed(self, ask: Ask, reason: str) -> Step:
        self.errors[ask.key] = "no_eligible_expert"
        step = await self.begin(self._opened(ask, ask.expert or ""))
        return await self.finish(replace(step, status="failed", output=reason))

    def _opened(self, ask: Ask, expert: str) -> Step:
        instruction = str(ask.messages[-1].get("content", "")) if ask.messages else ""
        return Step(ask.key, 0, ask.kind, ask.title, "running", expert, instruction)

    def _ended(self, step: Step, begun: float, status: StepStatus, output: str) -> Step:
        # What is answered must not depend on whether it was stored in between.
        output = storable(output)
        return replace(step, status=status, output=output, seconds=max(self.clock() - begun, 0.0))

    async def begin(self, step: Step) -> Step:
        """Give a step its number, and tell that it begins."""
        step = replace(step, number=self._numbers.next(), started_at=self.clock())
        self.steps[step.key] = step
        await self.ledger.begun(step)
        self.emit(StepStarted(step))
        return step

    async def finish(self, step: Step) -> Step:
        """Record what came of a step."""
        await self.ledger.finished(step)
        self.steps[step.key] = step
        self.emit(StepFinished(step))
        return step

    async def _left(self, step: Step) -> None:
        """Note what a step has cost that is given up."""
        self.steps[step.key] = step
        await self.ledger.left(step)

    def _tell(self, step: Step, text: str) -> None:
        self.emit(StepDelta(step.key, text))

    def _expected(self, ask: Ask, expert: str) -> Spent:
        """Return what a call uses even if hardly anything is answered: its tokens are estimated."""
        prompt = self._prompt(ask, expert)
        return Spent(1, prompt.tokens, prompt.usd + self.experts.price(expert)[1])

    def _prompt(self, ask: Ask, expert: str) -> Said:
        """Return what a call costs that is not answered."""
        tokens = len(json.dumps(ask.messages, default=str)) // _CHARACTERS_PER_TOKEN
        nanos = nanos_of(tokens * self.experts.price(expert)[0])
        return Said(expert, "", (), tokens, usd=usd_of(nanos), tokens_estimated=True)

    def _bounded(self, ask: Ask, expert: str) -> Ask:
        """Let the answer be no longer than the tokens and the money that are left."""
        left = max(self.tokens_left, 1)
        by_written = self.experts.price(expert)[1]
        if by_written > 0.0:
            left = max(min(left, int((self.limits.usd - self.spent.usd) / by_written)), 1)
        if left >= _AMPLE_TOKENS:
            return ask
        most = min(left, ask.parameters.get("max_tokens") or left)
        return replace(ask, parameters={**ask.parameters, "max_tokens": most})

    def _add(self, step: Step) -> None:
        """Count a step that was finished before the run was resumed."""
        self.steps[step.key] = step
        if step.fingerprint and step.status == "ok":
            self._before[step.fingerprint] = step
        if step.expert and not step.reused_from:
            self.spent.calls += 1
            self.spent.tokens += step.prompt_tokens + step.completion_tokens
            self.spent.usd += step.usd
        self._numbers.last = max(self._numbers.last, step.number)
