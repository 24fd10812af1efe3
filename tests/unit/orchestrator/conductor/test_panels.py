"""Panels and cascades over scripted experts, branch by branch: the outcome and the steps."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from experts.catalogue.expert import Expert
from orchestrator.conductor.engine import execute
from orchestrator.conductor.experts import CatalogueExperts
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.nodes import convene as convening
from orchestrator.conductor.nodes.convene import seats
from orchestrator.conductor.nodes.judge import read_best
from orchestrator.conductor.panel import Reliability, untaught
from orchestrator.conductor.ports import Lost, Tell
from orchestrator.conductor.values import Ask, Outcome, Said, Task

from .conftest import MakeRun, expert

CHOICE = "Which is a metal?\n\nA. Oxygen\nB. Iron\nC. Sand"
ALIKE = {"active_parameters": 30.0, "price": {"input": 1.0, "output": 1.0}}
SMALL = {"active_parameters": 1.0, "price": {"input": 0.01, "output": 0.01}}
LARGE = {"active_parameters": 300.0, "price": {"input": 9.0, "output": 9.0}}


def panel(*texts: Any) -> list[Expert]:
    return [expert(f"e{place}", text, **ALIKE) for place, text in enumerate(texts)]


def kinds(outcome: Outcome) -> list[str]:
    return [step.kind for step in outcome.steps]


def step(outcome: Outcome, kind: str) -> Any:
    (found,) = [each for each in outcome.steps if each.kind == kind]
    return found


async def test_a_panel_votes_on_choices_and_keeps_the_dissent(make_run: MakeRun) -> None:
    run = make_run(CHOICE, *panel("fixed:The answer is (B).", "fixed:B", "fixed:Surely (C)"))
    outcome = await execute("panel", run)
    assert outcome.text in {"The answer is (B).", "B"}
    assert kinds(outcome) == ["expert", "expert", "expert", "vote"]
    assert "e2: " in step(outcome, "vote").input
    assert outcome.calls == 3


async def test_numbers_are_counted_whatever_they_are_written_like(make_run: MakeRun) -> None:
    texts = ("fixed:The answer is 1,200.", "fixed:1200.0", "fixed:1300")
    outcome = await execute("panel", make_run("How much is it?", *panel(*texts)))
    assert outcome.text in {"The answer is 1,200.", "1200.0"}


async def test_texts_are_made_into_one(make_run: MakeRun) -> None:
    long = "An answer of many words that nobody would ever count in a vote, " * 3
    scripts = [
        {"replies": {"Judge them critically": "All together."}, "text": f"{long}{place}"}
        for place in range(3)
    ]
    outcome = await execute("panel", make_run("Tell me about it.", *panel(*scripts)))
    assert outcome.text == "All together."
    assert kinds(outcome) == ["expert"] * 3 + ["aggregate"]
    shown = step(outcome, "aggregate").input
    assert all(f"{long}{place}" in shown for place in range(3))


async def test_of_programs_a_judge_takes_one(make_run: MakeRun) -> None:
    codes = [f"```python\nprint({place})\n```\n{'It prints. ' * 20}" for place in range(3)]
    scripts = [{"replies": {"Find out which": "All run. BEST: B"}, "text": code} for code in codes]
    outcome = await execute("panel", make_run("Tell me about it.", *panel(*scripts)))
    shown = step(outcome, "rank").input
    assert outcome.text.strip() == shown.split("Answer B:\n")[1].split("\n\nAnswer C:")[0].strip()


async def test_a_judge_that_says_nothing_leaves_the_best_experts_answer(make_run: MakeRun) -> None:
    codes = [f"```\nprint({place})\n```\n{'It prints. ' * 20}" for place in range(2)]
    scripts = [{"text": code} for code in codes]
    outcome = await execute("panel", make_run("Tell me about it.", *panel(*scripts)))
    assert "rank" in kinds(outcome)
    assert outcome.text.strip() in {code.strip() for code in codes}


async def test_one_that_fails_is_missing_from_the_vote(make_run: MakeRun) -> None:
    outcome = await execute("panel", make_run(CHOICE, *panel("fixed:B", "fail:500", "fixed:B")))
    assert outcome.text == "B"
    assert [each.status for each in outcome.steps if each.kind == "expert"].count("failed") == 1


async def test_a_limit_leaves_a_smaller_panel(make_run: MakeRun) -> None:
    run = make_run(CHOICE, *panel("fixed:B", "fixed:B", "fixed:B"), limits=Limits(calls=2))
    outcome = await execute("panel", run)
    assert outcome.text == "B"
    assert outcome.stopped is not None
    assert outcome.calls <= 2


def test_as_many_are_seated_as_the_trust_takes() -> None:
    assert seats([("a", 0.9), ("b", 0.5), ("c", 0.5)]) == ["a"]
    assert seats([("a", 0.7), ("b", 0.7), ("c", 0.7)]) == ["a", "b", "c"]
    assert seats([("a", 0.7), ("b", 0.6), ("c", 0.6)]) == ["a"]
    assert seats([("b", 0.65), ("a", 0.7), ("c", 0.64)], tau=0.9) == ["a", "b", "c"]
    assert len(seats([(str(n), 0.5) for n in range(20)])) == convening.MOST


def test_a_verdict_names_an_answer_there_is() -> None:
    assert read_best("A is fine. BEST: A\nNo: **BEST: (C)**", 3) == 2
    assert read_best("BEST: D", 3) is None
    assert read_best("no idea", 3) is None


def checking(verdict: str, text: str) -> dict[str, Any]:
    return {"replies": {"Check the answer": f"VERDICT: {verdict}"}, "text": text}


def ladder(small: Any, large: Any) -> list[Expert]:
    return [expert("small", small, **SMALL), expert("large", large, **LARGE)]


async def test_a_cascade_ends_with_the_cheap_answer_that_passes(make_run: MakeRun) -> None:
    run = make_run("Tell me about it.", *ladder("fixed:cheap", checking("CORRECT", "dear")))
    outcome = await execute("cascade", run)
    assert (outcome.text, outcome.verified) == ("cheap", True)
    assert [(each.kind, each.expert) for each in outcome.steps] == [
        ("expert", "small"),
        ("verify", "large"),
    ]


@pytest.mark.parametrize("verdict", ["WRONG", "UNSURE"])
async def test_a_cascade_goes_on_where_it_does_not(make_run: MakeRun, verdict: str) -> None:
    run = make_run("Tell me about it.", *ladder("fixed:cheap", checking(verdict, "dear")))
    outcome = await execute("cascade", run)
    assert (outcome.text, outcome.verified) == ("dear", None)
    assert [each.expert for each in outcome.steps] == ["small", "large", "large"]


async def test_a_cascade_whose_last_expert_fails_has_the_first_answer(make_run: MakeRun) -> None:
    run = make_run("Tell me about it.", *ladder("fixed:cheap", "fail:500"))
    assert (await execute("cascade", run)).text == "cheap"


async def test_a_cascade_whose_first_expert_fails_goes_on(make_run: MakeRun) -> None:
    run = make_run("Tell me about it.", *ladder("fail:500", "fixed:dear"))
    outcome = await execute("cascade", run)
    assert outcome.text == "dear"
    assert "verify" not in kinds(outcome)


def taught(boosts: dict[str, float]) -> Reliability:
    """A model in which each expert's word counts as said, whatever the router expects."""
    ids = tuple(boosts)
    usual = untaught(ids)
    weights = np.zeros_like(usual.weights)
    weights[:, 0] = [boosts[each] for each in ids]
    return replace(usual, weights=weights, pairs=np.zeros_like(usual.pairs))


@pytest.mark.parametrize(
    ("first", "asked"), [("B", ["small"]), ("I do not know.", ["small", "large"])]
)
async def test_a_taught_cascade_asks_as_long_as_it_pays(
    make_run: MakeRun, first: str, asked: list[str]
) -> None:
    run = make_run(CHOICE, *ladder(f"fixed:{first}", "fixed:C"))
    run.reliability = taught({"small": 5.0, "large": 5.0})
    outcome = await execute("cascade", run)
    assert outcome.text == ("B" if len(asked) == 1 else "C")
    assert [each.expert for each in outcome.steps if each.kind == "expert"] == asked
    assert step(outcome, "vote").output == outcome.text


async def test_a_taught_cascade_lets_the_stronger_decide(make_run: MakeRun) -> None:
    run = make_run(CHOICE, expert("weak", "fixed:A", **SMALL), expert("firm", "fixed:B", **SMALL))
    # Dearer only by a little, so the weak one is asked first; what it says can be outweighed.
    model = taught({"weak": 1.0, "firm": 3.0})
    run.reliability = replace(model, silent=np.array([0.0, 0.9]))
    outcome = await execute("cascade", run)
    assert outcome.text == "B"
    assert [each.expert for each in outcome.steps] == ["weak", "firm", ""]
    assert "weak: A" in step(outcome, "vote").input


async def test_a_taught_cascade_where_nobody_answers_falls_back(make_run: MakeRun) -> None:
    run = make_run(CHOICE, *ladder("fixed:I do not know.", "fail:500"))
    run.reliability = taught({"small": 2.0, "large": 2.0})
    outcome = await execute("cascade", run)
    assert outcome.text == "I do not know."


@pytest.mark.parametrize("strategy", ["panel", "cascade"])
async def test_a_run_that_is_taken_up_again_pays_for_nothing_twice(
    make_run: MakeRun, strategy: str
) -> None:
    run = make_run(CHOICE, *ladder("fixed:B", "fixed:B"))
    first = await execute(strategy, run)
    again = make_run(CHOICE, *ladder("fail:500", "fail:500"), ledger=run.ledger)
    second = await execute(strategy, again)
    assert second.text == first.text
    assert [each.output for each in second.steps] == [each.output for each in first.steps]


@dataclasses.dataclass(frozen=True)
class Fading(CatalogueExperts):
    """The expert that has answered is no longer ranked, as if it had gone down."""

    gone: list[str] = dataclasses.field(default_factory=list)

    def ranked(self, task: Task, *, policy: str | None = None) -> tuple[tuple[str, float], ...]:
        found = CatalogueExperts.ranked(self, task, policy=policy)
        return tuple(each for each in found if each[0] not in self.gone) or found

    async def ask(self, expert: str, ask: Ask, task: Task, tell: Tell, lost: Lost) -> Said:
        self.gone.append(expert)
        return await CatalogueExperts.ask(self, expert, ask, task, tell, lost)


@pytest.mark.parametrize("strategy", ["panel", "cascade"])
async def test_an_expert_that_goes_down_has_still_been_heard(
    make_run: MakeRun, strategy: str
) -> None:
    run = make_run(CHOICE, *ladder("fixed:B", "fixed:B"))
    run.reliability = taught({"small": 2.0, "large": 2.0})
    old = run.experts
    assert isinstance(old, CatalogueExperts)
    run.experts = Fading(old.catalogue, old.router, old.caller, old.run_id)
    assert (await execute(strategy, run)).text == "B"
