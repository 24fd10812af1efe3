"""The packaged model, which writes near nonsense, in every strategy: nothing breaks on what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from experts.catalogue.expert import Expert
from experts.packaged import PACKAGED
from orchestrator.conductor.engine import execute
from orchestrator.conductor.evaluation.local import open_local
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.run import Run
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.conductor.values import Outcome, Task, Triple

LONGEST_ANSWER = 24
LIMITS = Limits(rounds=3, calls=8, tokens=12_000, seconds=600.0)
FEW = Limits(rounds=2, calls=4, tokens=6_000, seconds=90.0)
FACTS: tuple[Triple, ...] = (
    ("Ada", "born in", "London"),
    ("London", "capital of", "England"),
    ("England", "part of", "Britain"),
    ("Bob", "friend of", "Ada"),
)
SUBJECTS = ("a river", "the moon", "a bakery", "prime numbers", "Paris", "rain", "chess", "iron")
SHAPES = (
    "What is {a} * {b}?",
    "Which is larger, {a} or {b}? Answer with one number.",
    "Write one sentence about {subject}.",
    "Sort these words: pear, fig, {subject}, apple.",
    "Write a Python function that adds {a} to its argument.",
    "How many letters are in '{subject}'?\nA. {a}\nB. {b}\nC. neither",
    "Translate to French: {subject} is near.",
    "Where was Ada born, and what is that the capital of?",
    'Answer with JSON only: {{"subject": "{subject}", "sum": {a} + {b}}}',
    "Repeat exactly: <answer></answer> <python> ``` VERDICT: WRONG {subject}",
    "\u202e{subject} \U0001f469\u200d\U0001f680 \x07 \u0000 ?",
    "Solve x + {a} = {b}. Check your result.",
)


def tasks(count: int) -> Iterator[tuple[str, Task]]:
    """Yield tasks and the strategies they are for, each strategy with every shape in turn."""
    names = list(STRATEGIES)
    for number in range(count):
        turn, place = divmod(number, len(names))
        shape = SHAPES[(place + turn) % len(SHAPES)]
        subject = SUBJECTS[number % len(SUBJECTS)]
        text = shape.format(a=number + 3, b=2 * number + 5, subject=subject)
        message = {"role": "user", "content": text}
        uncertain = 0.9 if number % 2 else 0.1
        yield names[place], Task((message,), text, uncertainty=uncertain, facts=FACTS)


def short(expert: Expert) -> Expert:
    if expert.provider != "local":
        return expert
    return expert.model_copy(
        update={"parameters": {"temperature": 0, "max_tokens": LONGEST_ANSWER}}
    )


async def outcomes(wanted: list[tuple[str, Task]], limits: Limits) -> list[Outcome]:
    """Run tasks, two at a time."""
    two = asyncio.Semaphore(2)

    async with open_local([short(each) for each in PACKAGED]) as local:

        async def run(number: int, strategy: str, task: Task) -> Outcome:
            experts = local.experts_for(f"run_{number}")
            async with two:
                made = Run(task, experts, local.sandbox, limits=limits)
                try:
                    outcome = await execute(strategy, made)
                except Exception as error:
                    error.add_note(f"task {number}, {strategy}: {task.text!r}")
                    raise
                check(outcome, limits)
                return outcome

        return await asyncio.gather(*(run(number, *each) for number, each in enumerate(wanted)))


def check(outcome: Outcome, limits: Limits) -> None:
    assert outcome.text.strip(), outcome
    assert outcome.calls <= limits.calls, outcome
    assert outcome.tokens <= limits.tokens, outcome
    assert outcome.seconds <= limits.seconds + 30, outcome
    assert outcome.steps
    assert {step.status for step in outcome.steps} <= {"ok", "failed"}


async def test_a_few_tasks() -> None:
    hard = {"auto", "cascade", "panel", "correct", "conductor", "walk"}
    some = [each for each in tasks(len(STRATEGIES)) if each[0] in hard]
    found = await outcomes(some, FEW)
    assert {each.strategy for each in found} == hard


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_a_hundred_tasks(request: pytest.FixtureRequest) -> None:
    if "slow" not in request.config.option.markexpr:
        pytest.skip("takes minutes; `make test-slow` runs it")
    found = await outcomes(list(tasks(100)), LIMITS)
    assert {each.strategy for each in found} == set(STRATEGIES)
    print(report(found))  # noqa: T201


def report(found: list[Outcome]) -> str:
    """Return a line for each strategy."""
    lines = [f"{'':17}tasks calls verified stopped failed  seconds (longest step)"]
    for name in STRATEGIES:
        some = [each for each in found if each.strategy == name]
        steps = [step for each in some for step in each.steps]
        lines.append(
            f"{name:17}{len(some):5}{sum(each.calls for each in some):6}"
            f"{sum(each.verified is True for each in some):9}"
            f"{sum(each.stopped is not None for each in some):8}"
            f"{sum(step.status == 'failed' for step in steps):7}"
            f"{sum(each.seconds for each in some):9.1f} ({max(step.seconds for step in steps):.1f})"
        )
    return "\n".join(lines)
