"""Who does what: the cheapest that can be expected to do, and the best there is."""

from __future__ import annotations

from orchestrator.conductor.nodes.lessons import with_lessons
from orchestrator.conductor.run import Run
from orchestrator.conductor.sources import with_sources
from orchestrator.conductor.values import Ask, Step, StepKind


def cheap(run: Run) -> str:
    """Return the id of the cheapest expert that can be expected to do."""
    return run.experts.ranked(run.task, policy="economy")[0][0]


def strong(run: Run, *, but: str = "") -> str:
    """Return the id of the best expert, or of the best but one."""
    ranked = [expert for expert, _ in run.experts.ranked(run.task, policy="quality")]
    return next((expert for expert in ranked if expert != but), ranked[0])


async def told(run: Run, key: str, kind: StepKind, title: str, content: str, expert: str) -> Step:
    """Tell an expert something, led by the task's passages alone, and return what it says."""
    return await run.ask(
        Ask(
            key=key,
            kind=kind,
            title=title,
            messages=with_sources(({"role": "user", "content": content},), run.task.context),
            expert=expert,
            parameters=dict(run.task.parameters),
        )
    )


async def attempted(run: Run, key: str, expert: str) -> Step:
    """Have an expert try the task itself, knowing what was learnt from tasks like it."""
    return await run.ask(
        Ask(
            key=key,
            kind="expert",
            title="Attempt",
            messages=await with_lessons(run),
            expert=expert,
            parameters=dict(run.task.parameters),
        )
    )
