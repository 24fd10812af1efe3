"""How long a decision takes: a small catalogue against a large one, alternating, on one core.

The large one (300 categories, 1,000 experts) is to stay within twice the small one (10 x 10). They
take turns, a block of decisions each, so that whatever else the machine does falls on both alike;
with blocks of one, each finds the caches full of the other's data. Beside the time on the wall the
processor's own time is given: of the two, it is what a busy machine does not stretch. With
``--artifact`` a learned router takes turns too, over the experts it was learned from.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/bench_decide.py [--rounds N] [--block N]
        [--artifact DIR] [--json]
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from router import (
    Candidate,
    CandidatePool,
    Category,
    Router,
    RouteRequest,
    Taxonomy,
    build_router,
    starter_router,
)
from router.artifact import load
from router.assembly import router_of
from router.embedding import Embedder

SMALL = "10x10"
LARGE = "300x1000"
LEARNED = "learned"
PROMPTS = (
    "Can you tell me how I should go about proving that the square root of two is irrational?",
    "Write a function that merges two sorted lists and say what its running time is, please.",
    "My landlord does not want to give back the deposit after I moved out, what can I do now?",
    "Which of these two medicines should not be taken together with a glass of grapefruit juice?",
    "Translate the following sentence into French: I would like to book a table for two tonight.",
)
"""About twenty tokens each."""

LIMITS = {"p50_us": 150.0, "p99_us": 500.0, "ratio": 2.0}


@dataclass
class Timed:
    """Seconds of one kind of decision, in the order they were made."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def add(self, decide: Callable[[], object]) -> None:
        """Time one decision."""
        processor = time.thread_time()
        wall = time.perf_counter()
        decide()
        self.wall.append(time.perf_counter() - wall)
        self.processor.append(time.thread_time() - processor)

    def report(self) -> dict[str, float]:
        """Return the median and the 99th percentile in microseconds."""
        found = {}
        for name, seconds in (("", self.wall), ("processor_", self.processor)):
            p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1e6
            found |= {f"{name}p50_us": float(p50), f"{name}p99_us": float(p99)}
        return found


def candidates(count: int, ids: tuple[str, ...]) -> list[Candidate]:
    """Make up a catalogue: every third expert is a specialist."""
    return [
        Candidate(
            f"expert-{i}",
            tags=frozenset({ids[i % len(ids)]}) if i % 3 == 0 else frozenset(),
            active_parameters=1.0 + i % 90,
            price_in=0.01 * (i % 50),
            price_out=0.03 * (i % 50),
        )
        for i in range(count)
    ]


def many_categories(router: Router, count: int) -> Taxonomy:
    """Cut the starter examples into small categories, six examples each."""
    general = next(c for c in router.taxonomy.categories if c.id == "general")
    examples = [e for c in router.taxonomy.categories if c is not general for e in c.examples]
    pieces = [tuple(examples[i * 6 : i * 6 + 6]) for i in range(count - 1)]
    small = [Category(f"c{i}", f"Kind {i}", piece[0], piece) for i, piece in enumerate(pieces)]
    return Taxonomy((*small, general))


def measure(
    cases: dict[str, tuple[Router, CandidatePool]], rounds: int, block: int
) -> dict[str, Timed]:
    """Decide in turn, a block of prompts with every case."""
    requests = [RouteRequest(text, prompt_tokens=25) for text in PROMPTS]
    for router, pool in cases.values():
        for request in requests * 20:
            router.decide(request, pool)
    times = {name: Timed() for name in cases}
    gc.collect()
    for _ in range(max(1, rounds // block)):
        for name, (router, pool) in cases.items():
            for request in itertools.islice(itertools.cycle(requests), block):
                times[name].add(partial(router.decide, request, pool))
    return times


def learned(artifact: Path, embedder: Embedder) -> tuple[Router, CandidatePool]:
    """Load a learned router, with its own experts for candidates."""
    found = load(artifact)
    router = router_of(found, embedder)
    return router, router.pool([Candidate(expert) for expert in found.manifest["experts"]])


def run(rounds: int, block: int, artifact: Path | None = None) -> dict[str, Any]:
    began = time.process_time()
    starter = starter_router()
    built = time.process_time() - began
    large = build_router(many_categories(starter, 300), starter.embedder, name="large")
    cases = {
        SMALL: (starter, starter.pool(candidates(10, starter.taxonomy.ids))),
        LARGE: (large, large.pool(candidates(1000, large.taxonomy.ids))),
    }
    if artifact is not None:
        cases[LEARNED] = learned(artifact, starter.embedder)
    times = measure(cases, rounds, block)
    report: dict[str, Any] = {name: timed.report() for name, timed in times.items()}
    report["ratio"] = report[LARGE]["p50_us"] / report[SMALL]["p50_us"]
    report["processor_ratio"] = (
        report[LARGE]["processor_p50_us"] / report[SMALL]["processor_p50_us"]
    )
    report |= {"rounds": rounds, "block": block, "limits": LIMITS, "build_cpu_seconds": built}
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description="Time routing decisions.")
    parser.add_argument("--rounds", type=int, default=5000, help="decisions of each kind")
    parser.add_argument("--block", type=int, default=100, help="decisions before taking turns")
    parser.add_argument("--artifact", type=Path, help="what 'coe router train' wrote")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    report = run(options.rounds, max(1, options.block), options.artifact)
    if options.json:
        print(json.dumps(report, indent=2))
        return
    print(
        f"categories x experts, {report['rounds']} decisions each, in turns of {report['block']}, "
        "microseconds"
    )
    print(f"{'':10}{'p50':>8}{'p99':>8}{'cpu p50':>10}{'cpu p99':>10}")
    for name in (SMALL, LARGE, LEARNED):
        row = report.get(name)
        if row is None:
            continue
        print(
            f"{name:10}{row['p50_us']:8.0f}{row['p99_us']:8.0f}"
            f"{row['processor_p50_us']:10.0f}{row['processor_p99_us']:10.0f}"
        )
    print(f"ratio of p50 {report['ratio']:.2f} (processor {report['processor_ratio']:.2f})")
    print(f"building the starter router: {report['build_cpu_seconds']:.2f} s of processor time")


if __name__ == "__main__":
    main()
