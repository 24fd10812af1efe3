"""A vote: each answer counts as far as those who gave it are to be believed.

Agreement is not correctness: what the minority said stays on record, and among the drafts.
"""

from __future__ import annotations

from orchestrator.conductor.nodes.weighing import Panel, panel_of, prior_of
from orchestrator.conductor.panel.belief import best
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import Draft, Heard, State


async def vote(state: State, run: Run) -> State:
    """Choose the answer that is most probably right; nothing where none can be counted."""
    answers = state.get("heard", [])
    prior = state.get("prior")
    panel = panel_of(run, answers, prior_of(run) if prior is None else prior)
    place, chance = best(panel.belief)
    if place < 0:
        return {"agreed": False}
    won = panel.values[int(place)]
    text = _spokesman(panel, answers, won)
    given = "\n".join(_line(panel, index, each) for index, each in enumerate(answers))
    await run.note(
        f"vote.{len(answers)}",
        "vote",
        f"Vote: {won} ({float(chance):.0%})",
        given=given,
        found=text,
    )
    return {"answer": text, "agreed": True, "drafts": _dissent(state, panel, answers, won)}


def _spokesman(panel: Panel, answers: list[Heard], won: str) -> str:
    """Return the text of the most believed of those who gave the answer that won."""
    texts = [
        (panel.experts.index(each["expert"]), each["text"])
        for each, read in zip(answers, panel.read, strict=True)
        if read is not None and read.value == won
    ]
    return min(texts)[1].strip()


def _line(panel: Panel, index: int, each: Heard) -> str:
    read = panel.read[index]
    if read is None:
        return f"{each['expert']}: no answer that can be counted"
    return f"{each['expert']}: {read.value} ({panel.chance(read):.0%})"


def _dissent(state: State, panel: Panel, answers: list[Heard], won: str) -> list[Draft]:
    kept = [
        Draft(text=each["text"], by=each["expert"], weight=panel.chance(read))
        for each, read in zip(answers, panel.read, strict=True)
        if read is not None and read.value != won
    ]
    return [*state.get("drafts", []), *kept]
