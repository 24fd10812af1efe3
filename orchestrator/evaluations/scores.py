"""From graded answers and verdicts to scores, as rows that ``coe router train`` reads, and as arrays."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np

from experts.pricing import usd_of
from orchestrator.evaluations.evaluation import Evaluation, Graded
from orchestrator.evaluations.prompts import row_of
from orchestrator.evaluations.records import Verdict
from router.evidence.means import Floats


def score(answers: Sequence[Graded]) -> float | None:
    """Return the share of an expert's answers to one prompt that are right.

    An answer that is not there or cannot be graded here says nothing either way.
    """
    rights = [each.grade.right for each in answers if each.grade and each.grade.right is not None]
    return sum(rights) / len(rights) if rights else None


def scores(evaluation: Evaluation) -> Floats:
    """Return the scores of all experts on all prompts, NaN where there is none, shape (n, E)."""
    plan = evaluation.plan
    found = np.full((len(plan.tasks), len(plan.experts)), math.nan)
    for row, task in enumerate(plan.tasks):
        for column, expert in enumerate(plan.experts):
            value = score(evaluation.answers[task.id, expert.id])
            if value is not None:
                found[row, column] = value
    return found


def rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the prompts with the scores of the experts and the verdicts of the judges."""
    by_prompt: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in evaluation.verdicts:
        if verdict.winner != "unclear":
            by_prompt[verdict.prompt].append(verdict)
    found = []
    for task in evaluation.plan.tasks:
        row = row_of(task)
        graded = {
            expert.id: value
            for expert in evaluation.plan.experts
            if (value := score(evaluation.answers[task.id, expert.id])) is not None
        }
        if graded:
            row["scores"] = graded
        if verdicts := by_prompt.get(task.id):
            row["comparisons"] = [
                {"a": each.a, "b": each.b, "winner": each.winner, "judge": each.judge}
                for each in verdicts
            ]
        found.append(row)
    return found


def prices(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """Return what each expert costs, as ``coe router train --prices`` reads it.

    Money and seconds are means of its answers to these prompts, so that one which writes more costs
    more; billions of parameters are its entry's.
    """
    plan = evaluation.plan
    found: dict[str, dict[str, float]] = {}
    for expert in plan.experts:
        answers = [
            each.answer
            for task in plan.tasks
            for each in evaluation.answers[task.id, expert.id]
            if each.answer is not None
        ]
        known: dict[str, float | None] = {
            "usd": usd_of(sum(each.nanos for each in answers)) / len(answers) if answers else None,
            "latency": fmean(each.seconds for each in answers) if answers else None,
            "active_parameters": expert.active_parameters,
            "total_parameters": expert.total_parameters,
        }
        found[expert.id] = {name: value for name, value in known.items() if value is not None}
    return found


def as_lines(found: Sequence[dict[str, Any]]) -> str:
    """Return rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
