"""Asking: nothing twice, never above the budget, failures again."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from experts.catalogue.expert import Expert
from orchestrator.conductor.evaluation.graders import Grading
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.evaluations.asking import Again, Question, Reply
from orchestrator.evaluations.collecting import Collector
from orchestrator.evaluations.estimates import estimate
from orchestrator.evaluations.evaluation import Evaluation, Plan, evaluated
from orchestrator.evaluations.purse import Purse
from orchestrator.evaluations.records import Answer, Verdict
from orchestrator.evaluations.scores import rows, scores
from orchestrator.evaluations.summary import summarise


def expert(name: str, price: float = 1.0) -> Expert:
    entry = {"id": name, "provider": "scripted", "price": {"input": price, "output": price}}
    return Expert.model_validate(entry)


class Replies:
    """Answers at once, and counts; ``failing`` experts fail, ``dear`` is what each answer costs."""

    def __init__(self, *failing: str, dear: int = 10_000) -> None:
        self.failing, self.dear = set(failing), dear
        self.asked: Counter[str] = Counter()
        self.most_at_once = self.at_once = 0

    async def ask(self, question: Question, _: Again) -> Reply:
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
    other = expert("b", 2.0).model_copy(update={"description": "Cheap.", "enabled": False})
    await collected(Plan(TASKS, [expert("a"), other], parameters=PLAN.parameters), asker, kept=kept)
    assert not asker.asked, "what it costs does not change what it says"
    other = expert("b").model_copy(update={"system_prompt": "Be brief."})
    await collected(Plan(TASKS, [expert("a"), other], parameters=PLAN.parameters), asker, kept=kept)
    assert asker.asked == {"b": 7}, "the entry of b is another one"
    longer, asker = Plan(TASKS, PLAN.experts, repeat=2, parameters=PLAN.parameters), Replies()
    await collected(longer, asker, kept=kept)
    assert asker.asked == {"a": 7, "b": 7}


async def test_answers_that_are_the_same_are_ties_and_the_same_two_are_judged_once() -> None:
    texts = {"a": "x", "b": "x", "c": "y"}

    class Given(Replies):
        async def ask(self, question: Question, again: Again) -> Reply:
            reply = await super().ask(question, again)
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
    dearest = max(asking.question.most(100) for asking in PLAN.answers())
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


async def test_what_only_an_answer_brings_to_light_is_not_gradeable_and_costs_no_other_answer() -> (
    None
):
    nested = {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}

    class Json(Replies):
        async def ask(self, question: Question, again: Again) -> Reply:
            await super().ask(question, again)
            return Reply(text='{"a": 1}')

    tasks = [GradedTask("t", "n", "JSON?", fields={"schema": nested})]
    found, _ = await collected(Plan(tasks, [expert("a")], parameters=PLAN.parameters), Json())
    [graded] = found.answers["t", "a"]
    assert graded.grade is not None
    assert graded.grade.right is None
    assert "the schema is none: PointerToNowhere" in graded.grade.reason
    assert "scores" not in rows(found)[0]


async def test_an_expert_without_an_answer_ties_with_nobody() -> None:
    class Empty(Replies):
        async def ask(self, question: Question, again: Again) -> Reply:
            reply = await super().ask(question, again)
            return reply if reply.error else Reply(text="")

    plan = Plan(
        TASKS[-1:], PLAN.experts, [expert("judge")], against="b", parameters=PLAN.parameters
    )
    found, _ = await collected(plan, Empty("b"))
    assert found.verdicts == []


async def test_judges_agree_on_what_they_were_asked_and_ties_without_them_do_not_count() -> None:
    """One favours the first place as the other does; on who is better they contradict each other."""

    class Said(Replies):
        async def ask(self, question: Question, again: Again) -> Reply:
            await super().ask(question, again)
            name, text = question.expert.id, str(question.messages[-1]["content"])
            if not name.startswith("judge"):
                return Reply(text="same" if "letter" in text else f"by {name}")
            number = int(text.split("number ")[1].split(".")[0])
            better = "by a" if (name == "judge-1") == (number % 2 == 0) else "by b"
            first = text.split("[answer A]\n")[1].startswith(better)
            return Reply(text="[[A]]" if first or number % 5 == 0 else "[[B]]")

    tasks = [GradedTask(f"s{n}", "n", f"Song number {n}.") for n in range(20)]
    tasks += [GradedTask(f"l{n}", "n", f"A letter, number {n}.") for n in range(20)]
    judges = [expert("judge-1"), expert("judge-2")]
    found, _ = await collected(
        Plan(tasks, PLAN.experts, judges, parameters={"max_tokens": 9}), Said()
    )
    report = summarise(found)
    assert report["agreement"]["n"] == 20
    assert report["agreement"]["alpha"] < -0.5
    [pair] = report["judges"]["judge-1"]["pairs"]
    assert (pair["n"], pair["same_answers"], pair["consistent"]["n"]) == (40, 20, 20)
    assert report["judges"]["judge-1"]["verdicts"] == 40


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
