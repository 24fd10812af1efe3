"""Local models within a budget for two of six: what grouping saves, simulated and on real models.

    python benchmarks/bench_residency.py [--seeds 10] [--requests 90] [--rate 4] [--only simulated|small|real]

The simulated part replays generated traces, ten seeds, over an imagined machine. What it says is: loads; what
they are more than would have done for the same answers at the same moments, and for their order alone; waiting.
The small part compares with the best of all orders, found by trying all with everything known in advance: twelve
requests for four models, room for two, answers of a second and loads of two. The real one loads six models as
their requests ask for them, two of each of three quantisations of the packaged one, one thread each: first come,
first served with LRU, and grouped with look-ahead, the same requests at the same moments.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import mean

import msgspec
from requantise import requantise

from experts.catalogue.expert import Endpoint, Expert
from experts.packaged import ASSISTANT
from experts.providers.llama import LlamaOptions
from experts.providers.local import LocalProvider, model_file
from experts.providers.protocol import ExpertCall
from experts.residency.manager import ResidencyManager
from experts.residency.policy.values import Rules
from experts.residency.simulation.joint import World
from experts.residency.simulation.machine import GB, Machine
from experts.residency.simulation.simulate import Simulation, rules_for
from experts.residency.simulation.summary import SCHEDULES, compare, summarise
from experts.residency.simulation.trace import Request, Shape, generate

MODELS = 6
KINDS = ("Q4_1", "Q8_0", "F16")
SIZE = 4 * GB
MACHINE = Machine("two of six", 2 * SIZE, 4 * GB, lanes=2, slots=4)
SMALL = Machine("small", 2, 0.5, prompt_rate=1, output_rate=1, lanes=1, slots=1)
MAX_WAIT = 60.0
REAL_MAX_WAIT = 120.0


def simulated(seeds: int) -> None:
    """Print what each schedule comes to, for each seed."""
    print("seed  schedule              loads  ratio  order's  mean wait  longest")
    fewer = []
    for seed in range(seeds):
        trace = generate(Shape(experts=MODELS, requests=1500, rate=4.0, seed=seed))
        sizes = {one.answers: SIZE for one in trace}
        runs = compare(trace, sizes, [MACHINE], max_wait=MAX_WAIT, ahead=0.05, schedules=SCHEDULES)
        figures = summarise(runs, sizes, MAX_WAIT)["runs"]
        fewer.append(figures[0]["loads"] / figures[-1]["loads"])
        for run in figures:
            name = f"{run['order']}, {run['eviction']}"
            print(
                f"{seed:4}  {name:20} {run['loads']:6} {run['loads'] / run['fewest']:6.3f}"
                f" {run['loads'] / run['fewest_in_order']:8.3f} {run['wait_mean']:10.1f}"
                f" {run['wait_max']:8.1f}"
            )
    print(f"grouping with look-ahead: {min(fewer):.1f} to {max(fewer):.1f} times fewer loads")


def small(seeds: int) -> None:
    """Print how far the schedules are from the best of all orders, summed over so many small cases."""
    print("bound  rate  schedule              loads  waited")
    for max_wait, rate in ((6, 0.5), (12, 0.5), (12, 1.0)):
        total: Counter[str] = Counter()
        waited: Counter[str] = Counter()
        for seed in range(seeds):
            trace = _whole_seconds(seed, rate)
            longest = 0.0
            for order, eviction in SCHEDULES:
                rules = rules_for(
                    SMALL, order=order, eviction=eviction, max_wait=max_wait, prefetch=2.0
                )
                outcome = Simulation(trace, dict.fromkeys("0123", 1), SMALL, rules).run()
                total[f"{order}, {eviction}"] += outcome.loads
                waited[f"{order}, {eviction}"] += round(sum(outcome.waits))
                longest = max(outcome.waits)
            arrivals = [[int(one.at) for one in trace if one.answers == name] for name in "0123"]
            best = World(arrivals, 2, 2, max(max_wait, math.ceil(longest))).fewest()
            if best is None:
                raise RuntimeError("what a schedule does can be done")
            total["best of all orders"] += best[0]
            waited["best of all orders"] += best[1]
        for name, loads in total.items():
            print(f"{max_wait:5}  {rate:4}  {name:20} {loads:6}  {waited[name]:6}")


def _whole_seconds(seed: int, rate: float) -> list[Request]:
    dice = random.Random(seed)  # noqa: S311 (a simulation, nothing secret)
    at, trace = 0.0, []
    for _ in range(12):
        at += dice.expovariate(rate)
        model = dice.choices("0123", [1 / (rank + 1) for rank in range(4)])[0]
        trace.append(Request(at=float(int(at)), expert=model, prompt_tokens=0, output_tokens=1))
    return trace


async def real(requests: int, rate: float) -> None:
    """Print what both schedules come to on real models."""
    with tempfile.TemporaryDirectory() as folder:
        experts = [_copy(Path(folder), number) for number in range(MODELS)]
        sizes = [await _measured(expert) for expert in experts[:: MODELS // len(KINDS)]]
        budget = int(2.05 * max(sizes))  # for any two of them, and for no three
        told = ", ".join(
            f"{kind} {size / 1e6:.0f} MB" for kind, size in zip(KINDS, sizes, strict=True)
        )
        print(f"models take {told}; the budget is {budget / 1e6:.0f} MB")
        for rules in (
            Rules(budget, order="fcfs", eviction="lru", prefetch=2.0),
            Rules(budget, max_wait=REAL_MAX_WAIT),
        ):
            await _replay(experts, rules, requests, rate)


def _copy(folder: Path, number: int) -> Expert:
    path = folder / f"model-{number}.gguf"
    kind = KINDS[number * len(KINDS) // MODELS]
    if kind == "Q4_1":
        shutil.copy(model_file(ASSISTANT), path)
    else:
        requantise(model_file(ASSISTANT), path, kind)
    return Expert(id=f"model-{number}", provider="local", endpoints=(Endpoint(url=str(path)),))


async def _measured(expert: Expert) -> int:
    manager = ResidencyManager(Rules(float("inf")))
    provider = LocalProvider(LlamaOptions(), manager)
    await provider.load(expert)
    (view,) = await manager.view()
    await provider.aclose()
    return view.size or 0


async def _replay(experts: list[Expert], rules: Rules, requests: int, rate: float) -> None:
    dice = random.Random(0)  # noqa: S311 (when made-up requests come)
    weights = [1 / (rank + 1) for rank in range(MODELS)]
    plan, at = [], 0.0
    for _ in range(requests):
        at += dice.expovariate(rate)
        plan.append((at, dice.choices(experts, weights)[0]))
    manager = ResidencyManager(rules)
    provider = LocalProvider(LlamaOptions(), manager)
    began = time.perf_counter()

    async def one(moment: float, expert: Expert) -> float:
        await asyncio.sleep(moment)
        start = time.perf_counter()
        body = {
            "messages": msgspec.Raw(b'[{"role":"user","content":"Say hi."}]'),
            "max_tokens": 8,
            "temperature": 0,
        }
        await provider.complete(ExpertCall(expert=expert, body=body))
        return time.perf_counter() - start

    seconds = await asyncio.gather(*(one(moment, expert) for moment, expert in plan))
    loads = sum(view.loads for view in (await manager.view()))
    print(
        f"{rules.order}, {rules.eviction}: {loads} loads for {requests} requests, all answered after"
        f" {time.perf_counter() - began:.1f} s; latency mean {mean(seconds):.1f} s,"
        f" longest {max(seconds):.1f} s"
    )
    await provider.aclose()


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=90)
    parser.add_argument("--rate", type=float, default=4.0, help="requests a second")
    parser.add_argument("--only", choices=("simulated", "small", "real"), help="all unless given")
    given = parser.parse_args()
    if given.only in {None, "simulated"}:
        simulated(given.seeds)
    if given.only in {None, "small"}:
        small(given.seeds)
    if given.only in {None, "real"}:
        asyncio.run(real(given.requests, given.rate))


if __name__ == "__main__":
    main()
