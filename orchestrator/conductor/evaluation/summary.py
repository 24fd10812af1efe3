"""From records to figures: accuracy with intervals, cost, and the comparison at equal cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from orchestrator.conductor.evaluation.measures import vote_of, wilson
from orchestrator.conductor.evaluation.record import Record
from router.evaluation.intervals import DRAWS, paired

REFERENCE = "direct"
VOTING = "self-consistency"
_MOST_REASONS = 20
Report = dict[str, Any]


def summarise(records: Sequence[Record], *, seed: int = 0) -> Report:
    """Return all figures of an evaluation as plain data.

    A run that failed counts as wrong. An answer that cannot be graded here counts neither way: it is
    left out of accuracies and pairs, and counted by itself.

    Args:
        records: By task, then strategy; every task under every strategy.
        seed: Of the resamples.
    """
    by_strategy: dict[str, list[Record]] = {}
    for record in records:
        by_strategy.setdefault(record.strategy, []).append(record)
    reference = by_strategy.get(REFERENCE)
    voting = by_strategy.get(VOTING)
    categories = list(dict.fromkeys(record.category for record in records))
    return {
        "n": len({record.task for record in records}),
        "seed": seed,
        "draws": DRAWS,
        "categories": {
            category: len({record.task for record in records if record.category == category})
            for category in categories
        },
        "strategies": {
            name: _strategy(found, reference, voting, seed) for name, found in by_strategy.items()
        },
        "per_category": {
            category: {
                name: _accuracy([each for each in found if each.category == category])
                for name, found in by_strategy.items()
            }
            for category in categories
        },
        "ungradeable": _reasons(record for record in records if record.right is None),
        "failures": _reasons(record for record in records if record.status == "failed"),
    }


def _strategy(
    found: list[Record], reference: list[Record] | None, voting: list[Record] | None, seed: int
) -> Report:
    sizes = [each.active_parameters for each in found if each.active_parameters is not None]
    return {
        **_accuracy(found),
        "ungradeable": sum(each.right is None for each in found),
        "failed": sum(each.status == "failed" for each in found),
        "stopped": sum(each.stopped is not None for each in found),
        "usd": fmean(each.usd for each in found),
        "tokens": fmean(each.tokens for each in found),
        "calls": fmean(each.calls for each in found),
        "seconds": fmean(each.seconds for each in found),
        "active_parameters": fmean(sizes) if len(sizes) == len(found) else None,
        "against_direct": _difference(found, _values(reference), seed) if reference else None,
        "equal_cost": _equal_cost(found, voting, seed) if voting else None,
    }


def _accuracy(found: list[Record]) -> Report:
    graded = [each.right for each in found if each.right is not None]
    ends = wilson(sum(graded), len(graded))
    return {
        "n": len(graded),
        "right": sum(graded),
        "accuracy": sum(graded) / len(graded) if graded else None,
        "ci95": list(ends) if ends else None,
    }


def _values(found: Iterable[Record]) -> dict[str, float | None]:
    return {each.task: None if each.right is None else float(each.right) for each in found}


def _difference(found: list[Record], theirs: dict[str, float | None], seed: int) -> Report | None:
    """Return the mean difference on the same tasks, with its paired bootstrap interval."""
    ours = _values(found)
    both = np.array([[_nan(ours[task]), _nan(theirs.get(task))] for task in ours])
    interval = paired(both[:, 0], both[:, 1], seed=seed)
    if not interval.n:
        return None
    return {
        "n": interval.n,
        "gain": interval.mean,
        "ci95": [interval.low, interval.high],
        "verdict": interval.verdict,
    }


def _equal_cost(found: list[Record], voting: list[Record], seed: int) -> Report | None:
    """Return what a vote of as many samples as the same money buys comes to on the same tasks.

    Where nothing costs money, tokens are compared. ``enough`` is false where fewer samples were
    drawn than could have been paid for.
    """
    unit = "usd" if any(each.usd for each in voting) else "tokens"
    costs = [getattr(each, unit) for record in voting for each in record.samples]
    one = fmean(costs) if costs else 0.0
    drawn = min((len(record.samples) for record in voting), default=0)
    if not one or not drawn:
        return None
    affordable = int(fmean(getattr(each, unit) for each in found) / one + 1e-9)
    if not affordable:
        return {"unit": unit, "samples": 0, "accuracy": None, "enough": True, "against": None}
    count = min(affordable, drawn)
    votes = {each.task: vote_of(each.samples, count, seed=seed) for each in voting}
    known = [value for value in votes.values() if value is not None]
    return {
        "unit": unit,
        "samples": count,
        "accuracy": fmean(known) if known else None,
        "enough": affordable <= drawn,
        "against": _difference(found, votes, seed),
    }


def _reasons(records: Iterable[Record]) -> list[Report]:
    counted = Counter((record.category, record.reason) for record in records)
    return [
        {"category": category, "reason": reason, "n": count}
        for (category, reason), count in counted.most_common(_MOST_REASONS)
    ]


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value
