"""What simple baselines make of the money a strategy takes: each by itself, and their frontier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from orchestrator.conductor.evaluation.frontier import Policy, beyond, corners, known, rows
from orchestrator.conductor.evaluation.measures import vote_of
from orchestrator.conductor.evaluation.record import Record
from router.evaluation.intervals import Interval, bootstrap, paired
from router.evaluation.metrics import Floats

VOTING = "self-consistency"
BASELINES = ("direct", "cot", "cot+python", VOTING)
FRONTIER = "frontier"
Unit = Literal["usd", "tokens"]
Report = dict[str, Any]
_SAME = 1.0 + 1e-9  # sums of the same prices differ in their last digits


def unit_of(records: Sequence[Record]) -> Unit:
    """Return what costs are compared in: money, or tokens where nothing costs any."""
    return "usd" if any(record.usd for record in records) else "tokens"


def policy(name: str, found: Mapping[str, Record], tasks: Sequence[str], unit: Unit) -> Policy:
    """Return a strategy's records as a policy; a task without a record is not known.

    Args:
        name: The strategy's.
        found: Its records, by task.
        tasks: All tasks.
        unit: Of the costs.
    """
    cells = [
        (_value(found[task].right), float(getattr(found[task], unit)))
        if task in found
        else (np.nan, np.nan)
        for task in tasks
    ]
    right, costs = np.array(cells, dtype=np.float64).T
    return Policy(name, right, costs)


def sizes(
    whole: Policy, found: Mapping[str, Record], tasks: Sequence[str], *, seed: int = 0
) -> list[Policy]:
    """Return what a baseline can be bought in, costs rising; the last is all of it, as it was run.

    A vote can be had with fewer samples: the mean over which of them are drawn, for their share of
    the cost. Other baselines are had whole.

    Args:
        whole: From :func:`policy`.
        found: Its records, by task.
        tasks: All tasks.
        seed: Of the samples that are drawn.
    """
    drawn = max((len(record.samples) for record in found.values()), default=0)
    fewer = [_fewer(whole, found, tasks, count, seed) for count in range(1, drawn)]
    return [*fewer, whole]


def compared(ours: Policy, baselines: Mapping[str, Sequence[Policy]], *, seed: int = 0) -> Report:
    """Return the comparison with every baseline, and with the frontier of all, at equal cost.

    More money makes one call no better, so a baseline that costs less is compared as it is; of a
    vote, as many samples as the same money buys. Where the baseline costs more, ``accuracy`` and
    ``against`` are ``None``.

    Args:
        ours: The strategy.
        baselines: From :func:`sizes`, by name.
        seed: Of the resamples.
    """
    found = {name: _bought(ours, name, options, seed) for name, options in baselines.items()}
    if found:
        found[FRONTIER] = _beyond(
            ours, [each for some in baselines.values() for each in some], seed
        )
    return found


def frontier(baselines: Mapping[str, Sequence[Policy]]) -> Report | None:
    """Return the points of the baselines and the corners of their hull, as mean cost and accuracy.

    On the tasks that are known under all of them; ``None`` where there are none.
    """
    policies = _all(baselines)
    kept = known(policies) if policies else np.zeros(0, dtype=bool)
    if not kept.any():
        return None
    there = [rows(each, kept) for each in policies]
    return {
        "n": int(kept.sum()),
        "points": {each.name: list(each.point) for each in there},
        "hull": [list(each.point) for each in corners(there)],
    }


def gain_of(interval: Interval) -> Report | None:
    """Return a difference as plain data; ``None`` where there are no pairs."""
    if not interval.n:
        return None
    return {
        "n": interval.n,
        "gain": interval.mean,
        "ci95": [interval.low, interval.high],
        "verdict": interval.verdict,
    }


def mean_cost(ours: Policy, *, seed: int = 0) -> Report:
    """Return the mean cost of a task with its percentile bootstrap interval."""
    interval = bootstrap(ours.costs, seed=seed)
    return {"mean": interval.mean, "ci95": [interval.low, interval.high]}


def _all(baselines: Mapping[str, Sequence[Policy]]) -> list[Policy]:
    return [each for some in baselines.values() for each in some]


def _bought(ours: Policy, name: str, options: Sequence[Policy], seed: int) -> Report:
    """Return the comparison with the most of a baseline that the same money buys."""
    budget = _mean(ours.costs) * _SAME
    count = sum(_mean(option.costs) <= budget for option in options)
    theirs = options[count - 1] if count else None
    found: Report = {
        "accuracy": _accuracy(theirs) if theirs else None,
        "against": gain_of(paired(ours.right, theirs.right, seed=seed)) if theirs else None,
    }
    if name == VOTING:
        one_more = _mean(options[-1].costs) * (1 + 1 / len(options))
        found |= {"samples": count, "enough": one_more > budget}
    return found


def _beyond(ours: Policy, policies: Sequence[Policy], seed: int) -> Report:
    found = beyond(ours, policies, seed=seed)
    if found is None:
        return {"accuracy": None, "against": None, "mixture": {}}
    return {
        "accuracy": found.accuracy,
        "against": gain_of(found.gain),
        "mixture": {policy.name: share for policy, share in found.mixture.shares},
    }


def _fewer(
    whole: Policy, found: Mapping[str, Record], tasks: Sequence[str], count: int, seed: int
) -> Policy:
    """Return the vote of at most so many samples; a run that has no more of them stays as it is."""
    right, costs = whole.right.copy(), whole.costs.copy()
    for place, task in enumerate(tasks):
        samples = found[task].samples if task in found else ()
        if len(samples) > count:
            right[place] = _value(vote_of(samples, count, seed=seed))
            costs[place] *= count / len(samples)
    return Policy(f"{whole.name} of {count}", right, costs)


def _value(right: float | None) -> float:
    return float("nan") if right is None else float(right)


def _accuracy(theirs: Policy) -> float | None:
    return None if np.isnan(theirs.right).all() else float(np.nanmean(theirs.right))


def _mean(values: Floats) -> float:
    return float(np.nanmean(values))
