"""A bounded walk over a knowledge graph, given as triples, with the path as evidence.

After "Knowledge Solver": the model is shown what leads on from where it stands and chooses; it is
never asked to know a fact, only to pick those that help.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.conductor import prompts
from orchestrator.conductor.nodes.team import strong, told
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State, with_draft
from orchestrator.conductor.values import Triple

MAX_HOPS = 5
MAX_CHOICES = 40
_NUMBER = re.compile(r"\d{1,3}")
_ANSWER = re.compile(r"ANSWER[\s:*_-]*(\S[^\n]*)", re.IGNORECASE)
_KNOWN, _GUESSED = 0.7, 0.3


async def enter(state: State, run: Run) -> State:
    """Stand where the question does: at the things in the graph that it names."""
    del state
    facts, text = run.task.facts, run.task.text.casefold()
    things = {thing for subject, _, thing_ in facts for thing in (subject, thing_)}
    named = sorted(thing for thing in things if thing.casefold() in text)
    await run.note("enter", "walk", "Where the walk begins", found=", ".join(named))
    return {"charge": strong(run), "frontier": named or sorted(things)[:MAX_CHOICES], "path": []}


async def step_on(state: State, run: Run) -> State:
    """Let the expert pick the facts that lead on, or give the answer."""
    path = [_triple(fact) for fact in state["path"]]
    open_ = leading_on(run.task.facts, state["frontier"], path)
    number = state.get("round", 0) + 1
    if not open_ or number > MAX_HOPS:
        return {"round": number, "frontier": []}
    content = prompts.WALK.format(
        task=run.task.text, path=as_lines(path) or "nothing yet", choices=numbered(open_)
    )
    step = await told(run, f"walk.{number}", "walk", f"Hop {number}", content, state["charge"])
    if step.status == "failed":
        return {"round": number, "frontier": []}
    answer = _ANSWER.findall(step.output)
    if answer:
        return {"round": number, "answer": with_evidence(answer[-1].strip(), path)}
    chosen = picked(step.output, open_)
    frontier = [thing for subject, _, object_ in chosen for thing in (subject, object_)]
    found = [*path, *chosen]
    return {
        "round": number,
        "path": [list(fact) for fact in found],
        "frontier": list(dict.fromkeys(frontier)),
    }


async def arrive(state: State, run: Run) -> State:
    """Answer from the path alone, where the walk has come to its end without an answer."""
    path = [_triple(fact) for fact in state["path"]]
    content = prompts.ARRIVE.format(task=run.task.text, path=as_lines(path) or "nothing was found")
    step = await told(run, "arrive", "answer", "Answer from the path", content, state["charge"])
    if step.status == "failed" or not step.output.strip():
        return {}
    weight = _KNOWN if path else _GUESSED
    text = with_evidence(step.output.strip(), path)
    return {"answer": text, "drafts": with_draft(state, text, state["charge"], weight)}


def after_step(state: State) -> str:
    """Return what follows a hop."""
    if state.get("answer"):
        return "conclude"
    return "step" if state.get("frontier") else "arrive"


def leading_on(
    facts: Sequence[Triple], frontier: Sequence[str], path: Sequence[Triple]
) -> list[Triple]:
    """Return the facts about things on the frontier that are not on the path yet."""
    here, taken = set(frontier), set(path)
    found = [f for f in facts if (f[0] in here or f[2] in here) and f not in taken]
    return list(dict.fromkeys(found))[:MAX_CHOICES]


def picked(text: str, choices: Sequence[Triple]) -> list[Triple]:
    """Return the choices whose numbers a text names, each once, in its order."""
    numbers = (int(number) for number in _NUMBER.findall(text))
    return list(dict.fromkeys(choices[n - 1] for n in numbers if 1 <= n <= len(choices)))


def numbered(facts: Sequence[Triple]) -> str:
    """Return facts one a line, with numbers from 1."""
    return "\n".join(f"{place}. {as_line(fact)}" for place, fact in enumerate(facts, 1))


def as_lines(facts: Sequence[Triple]) -> str:
    """Return facts one a line."""
    return "\n".join(map(as_line, facts))


def as_line(fact: Triple) -> str:
    """Return a fact as a line of text."""
    return " | ".join(fact)


def with_evidence(answer: str, path: Sequence[Triple]) -> str:
    """Return an answer with the path it stands on."""
    return f"{answer}\n\nEvidence:\n{as_lines(path)}" if path else answer


def _triple(fact: Sequence[str]) -> Triple:
    subject, relation, object_ = fact
    return subject, relation, object_
