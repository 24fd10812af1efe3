"""Best of several answers, by a judge that sees them all and not who gave them."""

from __future__ import annotations

import hashlib
import re

from orchestrator.conductor import prompts
from orchestrator.conductor.nodes.team import told
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import Heard, State, with_draft

_BEST = re.compile(r"BEST[\s:*_(-]*([A-Z])\b")
_PASSED_OVER = 0.3


async def judge(state: State, run: Run) -> State:
    """Have the best answer chosen; where the judge does not say, it is the best expert's."""
    answers = spoken(state)
    if len(answers) < 2:
        return {"answer": answers[0]["text"]} if answers else {}
    # Judges prefer places; the order is not that of the ranking, and the same when it is repeated.
    shuffled = sorted(answers, key=lambda each: hashlib.sha256(each["text"].encode()).digest())
    content = prompts.JUDGE.format(task=run.task.text, answers=listed(shuffled))
    step = await told(run, "judge", "rank", "Best answer", content, chair(run, answers))
    chosen = read_best(step.output, len(shuffled)) if step.status == "ok" else None
    won = answers[0] if chosen is None else shuffled[chosen]
    changed: State = {"drafts": list(state.get("drafts", []))}
    for each in answers:
        if each is not won:
            changed["drafts"] = with_draft(changed, each["text"], each["expert"], _PASSED_OVER)
    return {**changed, "answer": won["text"]}


def read_best(text: str, count: int) -> int | None:
    """Return the place of the answer that a judge chose, ``None`` where it chose none of them."""
    found = _BEST.findall(text)
    place = ord(found[-1]) - ord("A") if found else count
    return place if place < count else None


def spoken(state: State) -> list[Heard]:
    """Return the answers that have a text, best expert first."""
    return [each for each in state.get("heard", []) if each["text"].strip()]


def chair(run: Run, answers: list[Heard]) -> str:
    """Return who judges: the best expert of those that did not answer, else the best."""
    ranked = [expert for expert, _ in run.experts.ranked(run.task, policy="quality")]
    panel = {each["expert"] for each in answers}
    best = ranked[0]
    return next((expert for expert in ranked[:2] if expert not in panel), best)


def listed(answers: list[Heard]) -> str:
    """Return the answers, each under a letter."""
    return "\n\n".join(
        f"Answer {chr(ord('A') + place)}:\n{each['text']}" for place, each in enumerate(answers)
    )
