"""What simulations come to, as plain figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experts.residency.policy.values import Eviction, Order
from experts.residency.simulation.machine import Machine
from experts.residency.simulation.optimum import fewest_loads, in_order
from experts.residency.simulation.simulate import Outcome, Simulation, rules_for
from experts.residency.simulation.trace import Request

SCHEDULES: tuple[tuple[Order, Eviction], ...] = (
    ("fcfs", "lru"),
    ("fcfs", "look-ahead"),
    ("grouped", "lru"),
    ("grouped", "look-ahead"),
)
"""What is compared; the last is what the service does."""


@dataclass(frozen=True, slots=True)
class Run:
    """One simulation and what came of it, but for the single uses."""

    machine: Machine
    order: Order
    eviction: Eviction
    outcome: Outcome
    fewest: int
    """Loads that would have done for the same answers at the same moments, see :mod:`.optimum`."""
    fewest_in_order: int
    """The same for their order alone, as if no answer took any time. Nobody could reach that: a model that
    answers cannot leave."""


def compare(
    trace: Sequence[Request],
    sizes: Mapping[str, int],
    machines: Sequence[Machine],
    *,
    max_wait: float,
    ahead: float,
    warm: bool = False,
    schedules: Sequence[tuple[Order, Eviction]] = SCHEDULES,
    done: Callable[[], None] = lambda: None,
) -> list[Run]:
    """Simulate every schedule on every machine.

    Args:
        trace: Requests by time.
        sizes: Bytes of each expert's model.
        machines: On which.
        max_wait: Seconds that a request may be made to wait for the sake of grouping.
        ahead: Least share of the traffic for which a model is loaded without being asked for.
        warm: Whether models are in the tier below at the beginning, as many as fit.
        schedules: Orders and evictions.
        done: Called after each simulation.

    Raises:
        ModelTooLarge: If a model does not fit into a machine's memory.
    """
    runs = []
    for machine in machines:
        for order, eviction in schedules:
            rules = rules_for(
                machine, order=order, eviction=eviction, max_wait=max_wait, prefetch=ahead
            )
            outcome = Simulation(trace, sizes, machine, rules, warm=warm).run()
            order_alone = in_order([use.model for use in outcome.uses])
            fewest, without_time = (
                fewest_loads(uses, sizes, machine.loaded) for uses in (outcome.uses, order_alone)
            )
            # A million uses are too many to keep for each run.
            kept = replace(outcome, uses=[])
            runs.append(Run(machine, order, eviction, kept, fewest, without_time))
            done()
    return runs


def summarise(runs: Sequence[Run], sizes: Mapping[str, int], max_wait: float) -> dict[str, Any]:
    """Return the figures of simulations of one trace.

    Args:
        runs: At least one.
        sizes: Bytes of each expert's model.
        max_wait: Seconds that a request was allowed to wait.
    """
    slowest = max((_switch(run.outcome) for run in runs), default=0.0)
    return {
        "requests": len(runs[0].outcome.waits),
        "experts": len(sizes),
        "bytes": sum(sizes.values()),
        "same_size": len(set(sizes.values())) <= 1,
        "max_wait": max_wait,
        "runs": [_figures(run, max_wait, slowest) for run in runs],
    }


def _figures(run: Run, max_wait: float, slowest: float) -> dict[str, Any]:
    outcome = run.outcome
    waits, latencies = sorted(outcome.waits), sorted(outcome.latencies)
    switch = _switch(outcome)
    return {
        "machine": run.machine.name,
        "order": run.order,
        "eviction": run.eviction,
        "loads": outcome.loads,
        "unasked": sum(1 for stay in outcome.stays if not stay.asked),
        "fewest": run.fewest,
        "fewest_in_order": run.fewest_in_order,
        "bytes_loaded": outcome.bytes_loaded,
        "load_seconds": outcome.load_seconds,
        "seconds_per_load": switch,
        "switching_gain": slowest / switch if switch else None,
        "wait_mean": sum(waits) / len(waits),
        "wait_p50": quantile(waits, 0.5),
        "wait_p99": quantile(waits, 0.99),
        "wait_max": waits[-1],
        "late": sum(1 for wait in waits if wait > max_wait),
        "latency_p50": quantile(latencies, 0.5),
        "latency_p99": quantile(latencies, 0.99),
        "seconds": outcome.ends,
    }


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which a share of values lies: the nearest rank.

    Args:
        ordered: Values, rising; at least one.
        share: 0 to 1.
    """
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _switch(outcome: Outcome) -> float:
    return outcome.load_seconds / outcome.loads if outcome.loads else 0.0
