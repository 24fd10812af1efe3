"""An independent check of an answer by an expert that did not give it."""

from __future__ import annotations

import re

from orchestrator.conductor import prompts
from orchestrator.conductor.run import Run
from orchestrator.conductor.values import Ask

_VERDICT = re.compile(r"VERDICT[\s:*_-]*(CORRECT|WRONG)", re.IGNORECASE)


async def verified(
    run: Run, answer: str, *, key: str, not_by: frozenset[str] = frozenset()
) -> tuple[bool | None, str]:
    """Have an answer checked.

    Returns:
        Whether it is right, ``None`` where no verdict was given, and what was said.
    """
    content = prompts.VERIFY.format(task=run.task.text, answer=answer)
    step = await run.ask(
        Ask(
            key=key,
            kind="verify",
            title="Check the answer",
            messages=({"role": "user", "content": content},),
            skill=f"check: {run.task.text}",
            not_by=not_by,
        )
    )
    if step.status == "failed":
        return None, step.output
    return read_verdict(step.output), step.output


def read_verdict(text: str) -> bool | None:
    """Return what the last verdict in a text is, ``None`` where there is none."""
    found = _VERDICT.findall(text)
    return found[-1].upper() == "CORRECT" if found else None
