"""Asking: nothing twice, never above the budget, failures again."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from experts.catalogue.expert import Expert
from orchestrator.conductor.evaluation.graders import Grading
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.evaluations.asking import Question, Reply
from orchestrator.evaluations.collecting import Collector
from orchestrator.evaluations.estimates import estimate
from orchestrator.evaluations.evaluation import Evaluation, Plan, evaluated
from orchestrator.evaluations.purse import Purse
from orchestrator.evaluations.records import Answer, Verdict
from orchestrator.evaluations.scores import rows, scores


def expert(name: str, price: float = 1.0) -> Expert:
    entry = {"id": name, "provider": "scripted", "price": {"input": price, "output": price}}
    return Expert.model_validate(entry)


class Replies:
    """Answers at once, and counts; ``failing`` experts fail, ``dear`` is what each answer costs."""

    def __init__(self, *failing: str, dear: int = 10_000) -> None:
        self.failing, self.dear = set(failing), dear
        self.asked: Counter[str] = Counter()
        self.most_at_once = self.at_once = 0

    async def ask(self, question: Question) -> Reply:
        self.asked[question.expert.id] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if question.expert.id in self.failing:
            return Reply(error="it is away", nanos=1)
        name = question.expert.id
        text = "[[A]]" if name.startswith("judge") else f"I am {name}. FINAL ANSWER: 4"
        return Reply(text=text, written=3, nanos=self.dear)


class Nowhere:
    async def run(self, code: str) -> str:
        raise AssertionError(code)


TASKS = [
    *[GradedTask(f"n{n}", "numbers", f"What is {n} + 1?", str(n + 1)) for n in range(6)],
    GradedTask("open", "talk", "What is good?"),
]
PLAN = Plan(TASKS, [expert("a"), expert("b")], parameters={"max_tokens": 100})
JUDGED = Plan(
    TASKS, PLAN.experts, [expert("judge-1"), expert("judge-2")], parameters=PLAN.parameters
)


async def collected(
    plan: Plan,
    asker: Replies,
    purse: Purse | None = None,
    kept: list[Answer | Verdict] | None = None,
) -> tuple[Evaluation, list[Answer | Verdict]]:
    kept = [] if kept is None else kept
    done = {record.key: record for record in kept if not record.error}
    collector = Collector(asker, purse or Purse(), kept.append, 4, 100, done)
    return await evaluated(plan, collector, Grading(Nowhere())), kept


async def test_every_answer_once_and_then_none() -> None:
    asker = Replies()
    found, kept = await collected(JUDGED, asker)
    assert asker.asked == {"a": 7, "b": 7, "judge-1": 2, "judge-2": 2}
    assert 1 < asker.most_at_once <= 4
    assert scores(found)[3].tolist() == [1.0, 1.0]
    assert scores(found)[:6].sum() == 2.0
    assert {(each.a, each.b, each.winner) for each in found.verdicts} == {
        ("a", "b", "a"),
        ("b", "a", "a"),
    }
    comparisons = rows(found)[-1]["comparisons"]
    assert len(comparisons) == 4
    again = Replies()
    same, _ = await collected(JUDGED, again, kept=kept)
    assert not again.asked
    assert rows(same) == rows(found)


async def test_what_changes_is_asked_anew_and_nothing_else() -> None:
    _, kept = await collected(PLAN, Replies())
    asker = Replies()
    dearer = Plan(TASKS, [expert("a"), expert("b", 2.0)], parameters=PLAN.parameters)
    await collected(dearer, asker, kept=kept)
    assert asker.asked == {"b": 7}, "the entry of b is another one"
    longer, asker = Plan(TASKS, PLAN.experts, repeat=2, parameters=PLAN.parameters), Replies()
    await collected(longer, asker, kept=kept)
    assert asker.asked == {"a": 7, "b": 7}


async def test_answers_that_are_the_same_are_ties_and_the_same_two_are_judged_once() -> None:
    texts = {"a": "x", "b": "x", "c": "y"}

    class Given(Replies):
        async def ask(self, question: Question) -> Reply:
            reply = await super().ask(question)
            text = texts.get(question.expert.id, "[[A]]")
            return Reply(text=text, nanos=reply.nanos)

    everyone = [expert(name) for name in texts]
    plan = Plan(TASKS[-1:], everyone, [expert("judge")], parameters=PLAN.parameters)
    asker = Given()
    found, _ = await collected(plan, asker)
    assert asker.asked["judge"] == 2, "x against y and y against x"
    assert sorted((each.a, each.b, each.winner) for each in found.verdicts) == [
        ("a", "b", "tie"),
        ("a", "c", "a"),
        ("b", "a", "tie"),
        ("b", "c", "a"),
        ("c", "a", "a"),
        ("c", "b", "a"),
    ]


async def test_failures_are_asked_again_and_score_nothing() -> None:
    found, kept = await collected(PLAN, Replies("b"))
    assert sum(bool(record.error) for record in kept) == 7
    assert "scores" not in rows(found)[-1]
    assert list(rows(found)[0]["scores"]) == ["a"]
    asker = Replies()
    await collected(PLAN, asker, kept=kept)
    assert asker.asked == {"b": 7}


@pytest.mark.parametrize("limit", [0, 30_000, 400_000])
async def test_the_budget_holds_whatever_answers_cost(limit: int) -> None:
    dearest = max(asking.question.cost(100) for asking in PLAN.answers())
    asker, purse = Replies(dear=dearest), Purse(limit)
    found, kept = await collected(PLAN, asker, purse)
    assert purse.spent == sum(record.nanos for record in kept) <= limit
    assert (purse.refused, purse.reserved) == (True, 0)
    assert len(kept) < 14
    missing = sum(each.answer is None for several in found.answers.values() for each in several)
    assert missing == 14 - len(kept)


async def test_the_same_question_is_asked_once() -> None:
    twins = [GradedTask(name, "n", "What is 3 + 1?", "4") for name in ("one", "two")]
    asker = Replies()
    found, _ = await collected(Plan(twins, [expert("a")], parameters=PLAN.parameters), asker)
    assert asker.asked == {"a": 1}
    assert scores(found).tolist() == [[1.0], [1.0]]


def test_seeds_differ_between_repeats() -> None:
    plan = Plan(TASKS[:1], [expert("a")], repeat=2, parameters={"max_tokens": 9, "seed": 5})
    assert [each.question.parameters["seed"] for each in plan.answers()] == [5, 6]


async def test_an_estimate_bounds_what_it_costs() -> None:
    found = estimate(JUDGED, (), usual=20, most=100)
    assert (found.answers, found.verdicts) == (14, 4)
    assert found.usual < found.most
    most = sum(each.question.cost(100) for each in JUDGED.answers())
    assert found.most > most, "judges read both answers"
    _, kept = await collected(JUDGED, Replies())
    assert estimate(JUDGED, {record.key for record in kept}, usual=20, most=100).answers == 0
