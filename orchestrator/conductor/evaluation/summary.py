"""From records to figures: accuracy with intervals, cost, and the comparison at equal cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from orchestrator.conductor.evaluation.equal_cost import (
    BASELINES,
    compared,
    frontier,
    gain_of,
    mean_cost,
    policy,
    sizes,
    unit_of,
)
from orchestrator.conductor.evaluation.frontier import Policy
from orchestrator.conductor.evaluation.record import Record
from router.evaluation.intervals import DRAWS, paired, wilson

REFERENCE = "direct"
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
    categories = list(dict.fromkeys(record.category for record in records))
    tasks, unit = list(dict.fromkeys(record.task for record in records)), unit_of(records)
    by_task = {name: {each.task: each for each in found} for name, found in by_strategy.items()}
    policies = {name: policy(name, found, tasks, unit) for name, found in by_task.items()}
    baselines = {
        name: sizes(policies[name], by_task[name], tasks, seed=seed)
        for name in BASELINES
        if name in policies
    }
    return {
        "n": len(tasks),
        "seed": seed,
        "draws": DRAWS,
        "unit": unit,
        "categories": {
            category: len({record.task for record in records if record.category == category})
            for category in categories
        },
        "strategies": {
            name: {
                **_strategy(found),
                "cost": mean_cost(policies[name], seed=seed),
                "against_direct": _against(policies[name], policies.get(REFERENCE), seed),
                "equal_cost": compared(policies[name], baselines, seed=seed),
            }
            for name, found in by_strategy.items()
        },
        "frontier": frontier(baselines),
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


def _strategy(found: list[Record]) -> Report:
    active = [each.active_parameters for each in found if each.active_parameters is not None]
    return {
        **_accuracy(found),
        "ungradeable": sum(each.right is None for each in found),
        "failed": sum(each.status == "failed" for each in found),
        "stopped": sum(each.stopped is not None for each in found),
        "usd": fmean(each.usd for each in found),
        "tokens": fmean(each.tokens for each in found),
        "calls": fmean(each.calls for each in found),
        "seconds": fmean(each.seconds for each in found),
        "active_parameters": fmean(active) if len(active) == len(found) else None,
    }


def _against(ours: Policy, theirs: Policy | None, seed: int) -> Report | None:
    return gain_of(paired(ours.right, theirs.right, seed=seed)) if theirs else None


def _accuracy(found: list[Record]) -> Report:
    graded = [each.right for each in found if each.right is not None]
    ends = wilson(sum(graded), len(graded))
    return {
        "n": len(graded),
        "right": sum(graded),
        "accuracy": sum(graded) / len(graded) if graded else None,
        "ci95": list(ends) if ends else None,
    }


def _reasons(records: Iterable[Record]) -> list[Report]:
    counted = Counter((record.category, record.reason) for record in records)
    return [
        {"category": category, "reason": reason, "n": count}
        for (category, reason), count in counted.most_common(_MOST_REASONS)
    ]
