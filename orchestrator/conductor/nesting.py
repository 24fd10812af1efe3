"""Work within work: a strategy that does a part of a run's task, a level below it.

Its steps are steps of the run, in the same ledger and within the same limits; their keys are led by
that of one more step, which stands for the whole and comes to its answer.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.conductor.checks import NO_CHECKS
from orchestrator.conductor.limits import LimitReached, check_depth
from orchestrator.conductor.nodes.conclude import NothingAnswered
from orchestrator.conductor.run import Run
from orchestrator.conductor.values import Outcome, Step, StepStatus, Task, storable
from orchestrator.conductor.work import digest

PREFIX = "strategy:"


def strategy_in(name: str) -> str | None:
    """Return the strategy that is asked as if it were an expert (``strategy:cot``), if one is."""
    lead, named = name[: len(PREFIX)], name[len(PREFIX) :].strip()
    return named.lower() if lead.lower() == PREFIX and named else None


async def work_below(run: Run, key: str, strategy: str, text: str) -> Step:
    """Have a strategy do a part of the task.

    Args:
        run: The run.
        key: Of the step that stands for it.
        strategy: Its name.
        text: The whole instruction; nothing else of the task is known to it.

    Returns:
        The finished step; its output is the answer, or why there is none. One that would be a level
        too deep has failed: other work can go on.
    """
    key = run.prefix + key
    known = await run.recalled(key)
    if known is not None:
        return known
    if key in run.amended:
        text = run.amended[key].instruction or text
    step = Step(key, 0, "strategy", f"{PREFIX}{strategy}", "running", input=text)
    refused = _refused(run, strategy)
    if refused:
        return await _ended(run, await run.begin(step), refused)
    # The level is in the fingerprint, so that no step waits for one that it is a part of.
    same = f"{PREFIX}{strategy} {run.depth} {digest(text)}"
    return await run.once(same, step, lambda begun: _worked(run, strategy, begun))


def _refused(run: Run, strategy: str) -> str:
    """Return why a strategy cannot be asked; empty where it can."""
    if strategy not in run.strategies.names:
        return f"there is no such strategy; there are {', '.join(run.strategies.names)}"
    try:
        check_depth(run.limits, run.depth + 1)
    except LimitReached as reached:
        return str(reached)
    return ""


async def _worked(run: Run, strategy: str, step: Step) -> Step:
    await run.gate(step)
    step = await run.begin(step)
    try:
        outcome = await run.strategies.work(strategy, run.below(step.key, _part(run, step.input)))
    except NothingAnswered as error:
        return await _ended(run, step, str(error))
    return await _ended(run, step, _told(outcome), failed=False)


async def _ended(run: Run, step: Step, output: str, *, failed: bool = True) -> Step:
    took = max(run.clock() - step.started_at, 0.0)
    status: StepStatus = "failed" if failed else "ok"
    return await run.finish(replace(step, status=status, output=storable(output), seconds=took))


def _part(run: Run, text: str) -> Task:
    """Return a part as a task: of no category, so that nothing is learnt from it or told of it."""
    message = {"role": "user", "content": text}
    return replace(
        run.task, messages=(message,), text=text, category=None, checks=NO_CHECKS, context=()
    )


def _told(outcome: Outcome) -> str:
    return f"{outcome.text}\n\n[{outcome.stopped}]" if outcome.stopped else outcome.text
