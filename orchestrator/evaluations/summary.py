"""From an evaluation to figures, as plain data: experts, pairs of them, categories, judges."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np

from experts.pricing import usd_of
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.evaluations.admitting import said_of
from orchestrator.evaluations.evaluation import Evaluation, Graded
from orchestrator.evaluations.records import Answer, Verdict
from orchestrator.evaluations.scores import scores
from router.evaluation.intervals import Interval
from router.evidence.admission import consistency_of
from router.evidence.agreement import agreement
from router.evidence.comparison import compared
from router.evidence.means import Floats, Share, mean_interval
from router.evidence.preference import preference_of
from router.quality.judgements import Judgement, Outcome

Report = dict[str, Any]
_OUTCOMES: dict[str, Outcome] = {"a": "win", "b": "loss", "tie": "tie"}
_WORTH = {"a": 1.0, "tie": 0.5, "b": 0.0}
_ORDERS = 2
_MOST_REASONS = 20
_DRAWS = 500


def summarise(evaluation: Evaluation, *, spent: int = 0, complete: bool = True) -> Report:
    """Return all figures of an evaluation.

    Args:
        evaluation: See there.
        spent: Billionths of a US dollar that it has cost, failures included.
        complete: Whether everything was asked that was planned.
    """
    plan = evaluation.plan
    found = scores(evaluation)
    names = [expert.id for expert in plan.experts]
    categories = Counter(task.category for task in plan.tasks)
    labels = np.array([task.category for task in plan.tasks])
    return {
        "n": len(plan.tasks),
        "repeat": plan.repeat,
        "usd": usd_of(spent),
        "complete": complete,
        "categories": dict(categories),
        "experts": {
            name: {
                **_accuracy(found[:, column]),
                **_answers([(task, evaluation.answers[task.id, name]) for task in plan.tasks]),
            }
            for column, name in enumerate(names)
        },
        "pairs": _pairs(found, names),
        "per_category": {
            category: {
                name: _accuracy(found[labels == category, column])
                for column, name in enumerate(names)
            }
            for category in categories
        },
        "judges": {
            judge.id: _judge([each for each in evaluation.verdicts if each.judge == judge.id])
            for judge in plan.judges
        },
        "agreement": _agreement(evaluation.verdicts) if len(plan.judges) > 1 else None,
        "ungradeable": _reasons(evaluation),
        "failures": failures(evaluation),
    }


def _accuracy(values: Floats) -> Report:
    interval = mean_interval(values, 0.0, 1.0)
    known = interval.n > 0
    return {
        "n": interval.n,
        "accuracy": interval.mean if known else None,
        "ci95": [interval.low, interval.high] if known else None,
    }


def _answers(answers: Sequence[tuple[GradedTask, tuple[Graded, ...]]]) -> Report:
    all_ = [each for _, repeats in answers for each in repeats]
    there = [each.answer for each in all_ if each.answer is not None]
    graded = [each.grade for each in all_ if each.grade is not None]
    consistency = consistency_of(tuple(said_of(task, repeats) for task, repeats in answers))
    return {
        "answers": len(there),
        "missing": len(all_) - len(there),
        "cut": sum(answer.cut for answer in there),
        "ungradeable": sum(grade.right is None for grade in graded),
        "consistency": None if consistency is None else share_of(consistency),
        "usd": fmean(usd_of(each.nanos) for each in there) if there else None,
        "tokens": fmean(each.written for each in there) if there else None,
        "seconds": fmean(each.seconds for each in there) if there else None,
    }


def _pairs(found: Floats, names: Sequence[str]) -> list[Report]:
    pairs = []
    for one, other in combinations(range(len(names)), 2):
        result = compared(found[:, one], found[:, other])
        if result.difference.n:
            pairs.append(
                {
                    "a": names[one],
                    "b": names[other],
                    "n": result.difference.n,
                    "difference": result.difference.mean,
                    "ci95": _ends(result.difference),
                    "won": result.won,
                    "tied": result.tied,
                    "lost": result.lost,
                    "p_value": result.p_value,
                    "verdict": result.verdict,
                }
            )
    return pairs


def _judge(verdicts: Sequence[Verdict]) -> Report:
    """Return what one judge prefers, and how far it goes by position."""
    asked = [each for each in verdicts if each.asked]
    judgements = list(_judgements(asked))
    same = {(tuple(sorted((each.a, each.b))), each.prompt) for each in verdicts if not each.asked}
    settled = Counter(pair for pair, _ in same)
    pairs = []
    for pair in dict.fromkeys(tuple(sorted((each.a, each.b))) for each in verdicts):
        one, other = pair
        found = preference_of(judgements, one, other, settled=settled[pair])
        pairs.append(
            {
                "a": one,
                "b": other,
                "n": found.corrected.n,
                "preferred": _number(found.corrected.mean),
                "ci95": _ends(found.corrected),
                "as_judged": _number(found.balanced.mean),
                "as_judged_ci95": _ends(found.balanced),
                "position": _number(found.position.mean),
                "position_ci95": _ends(found.position),
                "consistent": share_of(found.consistent),
                "same_answers": settled[pair],
                "one_order": found.alone,
                "verdict": found.verdict,
            }
        )
    return {
        "verdicts": len(asked),
        "unclear": sum(each.winner == "unclear" for each in verdicts),
        "pairs": pairs,
    }


def _judgements(verdicts: Iterable[Verdict]) -> Iterable[Judgement]:
    places: dict[str, int] = {}
    for each in verdicts:
        row = places.setdefault(each.prompt, len(places))
        if each.winner in _OUTCOMES:
            yield Judgement(row, each.a, each.b, _OUTCOMES[each.winner])


def _agreement(verdicts: Sequence[Verdict]) -> Report:
    """Return how far judges agree on who is better, in the mean of both orders.

    In one order alone judges with the same favour for a place would agree on that. Ties that no judge
    was asked for are left out.
    """
    worths: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for each in verdicts:
        if each.asked and each.winner in _WORTH:
            one, other = sorted((each.a, each.b))
            of_first = _WORTH[each.winner]
            found = of_first if each.a == one else 1.0 - of_first
            unit = worths.setdefault((each.prompt, one, other), {})
            unit.setdefault(each.judge, []).append(found)
    judges = dict.fromkeys(judge for unit in worths.values() for judge in unit)
    ratings = np.array(
        [
            [fmean(unit[judge]) if len(unit.get(judge, ())) == _ORDERS else math.nan]
            for judge in judges
            for unit in worths.values()
        ]
    ).reshape(len(judges), len(worths))
    groups = [prompt for prompt, _, _ in worths]
    alpha = agreement(ratings, "interval", groups=groups, draws=_DRAWS)
    return {"alpha": _number(alpha.mean), "ci95": _ends(alpha), "n": alpha.n}


def _reasons(evaluation: Evaluation) -> list[Report]:
    counted = Counter(
        (prompt, each.grade.reason)
        for (prompt, _), several in evaluation.answers.items()
        for each in several
        if each.grade is not None and each.grade.right is None
    )
    return [
        {"prompt": prompt, "reason": reason, "n": count}
        for (prompt, reason), count in counted.most_common(_MOST_REASONS)
    ]


def failures(evaluation: Evaluation) -> list[Report]:
    """Return why questions were asked in vain, the commonest reason first."""
    counted = Counter(
        (each.expert if isinstance(each, Answer) else each.judge, each.error)
        for each in evaluation.failed
    )
    return [
        {"expert": expert, "reason": reason, "n": count}
        for (expert, reason), count in counted.most_common(_MOST_REASONS)
    ]


def share_of(found: Share) -> Report:
    """Return a share as plain data."""
    return {"share": found.value, "ci95": [found.low, found.high], "n": found.n}


def _ends(interval: Interval) -> list[float]:
    return [interval.low, interval.high]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
