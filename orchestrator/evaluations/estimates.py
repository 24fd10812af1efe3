"""What an evaluation will cost: nobody is asked."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from experts.pricing import cost_in_nanos
from experts.providers.protocol import Usage
from orchestrator.evaluations.evaluation import Plan
from orchestrator.evaluations.judging import pairs_of, shown
from orchestrator.evaluations.prompts import judged, request_of

_ORDERS = 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is still to be asked.

    Args:
        answers: Of experts.
        verdicts: Of judges; those that are there already are not known before the answers are.
        usual: Billionths of a US dollar, if answers are of the usual length.
        most: The same if they are as long as they may be, and prompts of as many tokens as they can be.
    """

    answers: int
    verdicts: int
    usual: int
    most: int


def estimate(plan: Plan, done: Container[str], *, usual: int, most: int) -> Estimate:
    """Return what a plan still costs.

    Args:
        plan: What is asked.
        done: Keys of the questions that are answered.
        usual: Tokens that an answer usually has.
        most: Tokens that an answer has at the most.
    """
    usual = min(usual, most)
    waiting = {each.question.key: each.question for each in plan.answers()}
    questions = [question for key, question in waiting.items() if key not in done]
    verdicts, judging_usual = _verdicts(plan, usual)
    _, judging_most = _verdicts(plan, most)
    return Estimate(
        len(questions),
        verdicts,
        sum(question.cost(usual) for question in questions) + judging_usual,
        sum(question.most(most) for question in questions) + judging_most,
    )


def _verdicts(plan: Plan, length: int) -> tuple[int, int]:
    """Return how many verdicts there are, and what they cost if all that is written has a length."""
    pairs = len(pairs_of([expert.id for expert in plan.experts], plan.against))
    tasks = [task for task in plan.tasks if judged(task)]
    nanos = 0
    for judge in plan.judges:
        for task in tasks:
            request = request_of(task, form=plan.form)
            read = plan.ask(judge, shown(request, "", "")).tokens() + _ORDERS * length
            nanos += _ORDERS * pairs * cost_in_nanos(Usage(read, length), judge.price)
    return len(plan.judges) * len(tasks) * _ORDERS * pairs, nanos
