"""One expert answers several times, and the commonest answer is taken: arXiv 2203.11171."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from orchestrator.conductor.answers import options_in, read_answer
from orchestrator.conductor.evaluation.final import final_answer
from orchestrator.conductor.flow import Flow
from orchestrator.conductor.limits import LimitReached
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State
from orchestrator.conductor.strategies.cot import THINK
from orchestrator.conductor.strategies.strategy import Strategy
from orchestrator.conductor.values import Ask, Message, Step

SAMPLES = 5
TEMPERATURE = 0.7


def self_consistency(samples: int = SAMPLES, name: str = "self-consistency") -> Strategy:
    """Return the strategy.

    Args:
        samples: How often the expert answers.
        name: The strategy's.
    """

    def flow() -> Flow:
        async def sample(state: State, run: Run) -> State:
            del state
            return await _sampled(run, samples)

        return Flow().step("sample", sample)

    return Strategy(name, f"The commonest of {samples} answers of one expert.", flow)


def same_answer(text: str, options: Sequence[str] = ()) -> str:
    """Return what two texts have in common that give the same answer.

    Args:
        text: What was said.
        options: Words of the options, where the question has some.
    """
    found = read_answer(text, options)
    return found.value if found else " ".join(final_answer(text).split())


def commonest(texts: Sequence[str], options: Sequence[str] = ()) -> int:
    """Return the place of the first text that gives the commonest answer."""
    answers = [same_answer(text, options) for text in texts]
    counts = Counter(answers)
    return max(range(len(texts)), key=lambda place: (counts[answers[place]], -place))


async def _sampled(run: Run, samples: int) -> State:
    for place, (expert, _) in enumerate(run.experts.ranked(run.task), 1):
        asks = [_ask(run, expert, place, number) for number in range(samples)]
        stopped = await _asked(run, asks)
        steps = [run.step(ask.key) for ask in asks]
        said = [step for step in steps if step and step.status == "ok" and step.output.strip()]
        if said:
            return {**stopped, **await _voted(run, said)}
        if stopped:
            return stopped
    return {}


async def _asked(run: Run, asks: list[Ask]) -> State:
    """Ask as often as limits allow: a vote of fewer samples is better than none."""
    try:
        await run.ask_all(asks)
    except LimitReached as reached:
        return {"stopped": str(reached)}
    return {}


async def _voted(run: Run, said: list[Step]) -> State:
    options = options_in(run.task.text)
    won = commonest([step.output for step in said], options)
    answers = "\n".join(f"{step.key}: {same_answer(step.output, options)}" for step in said)
    await run.note("vote", "vote", "Commonest answer", given=answers, found=said[won].output)
    return {"answer": said[won].output}


def _ask(run: Run, expert: str, place: int, number: int) -> Ask:
    """Return one sample's call. Its seed makes it another question than the other samples."""
    system: Message = {"role": "system", "content": THINK}
    given = run.task.parameters
    parameters = {"temperature": TEMPERATURE, **given, "seed": given.get("seed", 0) + number}
    return Ask(
        key=f"sample.{place}.{number + 1}",
        kind="expert",
        title=f"Sample {number + 1}",
        messages=(system, *run.task.messages),
        expert=expert,
        parameters=parameters,
    )


SELF_CONSISTENCY = self_consistency()
