"""Processor time as a multiple of a yardstick's, held against a budget.

The yardstick runs in turn with what is measured, so that what else the machine does falls on both alike; of
several rounds the cheapest counts, as disturbances only ever add. Processor time is read from the process's own
clock, which leaves out the time that it waits.
"""

from __future__ import annotations

import importlib.util
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
BUDGET = Path(__file__).with_name("cpu_budget.toml")
Work = Callable[[], float]
"""Does a round, and returns the seconds of processor time a piece of work took."""


def budget() -> dict[str, float]:
    """Return the multiples allowed, by name."""
    return tomllib.loads(BUDGET.read_text())


def process_seconds(pid: int) -> float:
    """Return the processor time that a process has used, to the nanosecond.

    The clock's number is made of the process id as Linux does: the two low bits say "scheduler's, of the process".
    """
    return time.clock_gettime((~pid << 3) | 2)


def multiple(work: Work, yardstick: Work, rounds: int) -> float:
    """Return how many times the yardstick's processor time some work takes.

    Args:
        work: Is measured.
        yardstick: What it is compared with.
        rounds: Of both in turn; of each the cheapest counts.
    """
    seen = [(work(), yardstick()) for _ in range(rounds)]
    return min(ours for ours, _ in seen) / min(theirs for _, theirs in seen)


def exceeded(seen: Mapping[str, float], allowed: Mapping[str, float]) -> list[str]:
    """Return a sentence for each multiple that is over its budget; what has none is over it too."""
    return [
        f"{name}: {value:.1f} times the yardstick, allowed are {allowed.get(name, 0.0):g}"
        for name, value in seen.items()
        if value > allowed.get(name, 0.0)
    ]


def benchmark(name: str) -> ModuleType:
    """Return a module of the benchmarks, which are programs and no package."""
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
