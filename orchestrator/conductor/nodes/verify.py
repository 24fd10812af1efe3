"""An independent check of an answer: by a program where there is one, then by another expert."""

from __future__ import annotations

import asyncio
import re

from orchestrator.conductor import prompts
from orchestrator.conductor.run import Run
from orchestrator.conductor.sources import with_sources
from orchestrator.conductor.values import Ask

_VERDICT = re.compile(r"VERDICT[\s:*_-]*(CORRECT|WRONG)", re.IGNORECASE)


async def verified(
    run: Run, answer: str, *, key: str, not_by: frozenset[str] = frozenset()
) -> tuple[bool | None, str]:
    """Have an answer checked: no expert is paid for one that a program refuses.

    Returns:
        Whether it is right, ``None`` where no verdict was given, and what was said.
    """
    faults = await faults_of(run, answer, key)
    if faults:
        return False, faults
    content = prompts.VERIFY.format(task=run.task.text, answer=answer)
    step = await run.ask(
        Ask(
            key=key,
            kind="verify",
            title="Check the answer",
            messages=with_sources(({"role": "user", "content": content},), run.task.context),
            skill=f"check: {run.task.text}",
            not_by=not_by,
        )
    )
    if step.status == "failed":
        return None, step.output
    return read_verdict(step.output), step.output


async def faults_of(run: Run, answer: str, key: str) -> str:
    """Return what the task's own checks find wrong; empty where they pass, or there are none.

    Args:
        run: The run.
        answer: That is checked.
        key: Of the step that an expert's check has or would have.
    """
    checks = run.task.checks
    if not checks:
        return ""
    found = "\n".join(await asyncio.to_thread(checks.faults, answer))
    title = "Check by a program"
    said = f"{found}\nVERDICT: WRONG" if found else "It passes the checks that a program can make."
    await run.note(f"{key}.program", "verify", title, given=answer, found=said)
    return found


def read_verdict(text: str) -> bool | None:
    """Return what the last verdict in a text is, ``None`` where there is none."""
    found = _VERDICT.findall(text)
    return found[-1].upper() == "CORRECT" if found else None
