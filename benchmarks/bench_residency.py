"""Local models within a budget for two of six: what grouping saves, simulated and on real models.

    python benchmarks/bench_residency.py [--seeds 10] [--requests 90] [--rate 4] [--real]

The simulated part replays generated traces, ten seeds, over an imagined machine. The real one loads six copies of
the packaged model (98 MB each, one thread) as its requests ask for them: first come, first served with LRU, and
grouped with look-ahead, the same requests at the same moments.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
import time
from pathlib import Path
from statistics import mean

import msgspec

from experts.catalogue.expert import Endpoint, Expert
from experts.packaged import ASSISTANT
from experts.providers.llama import LlamaOptions
from experts.providers.local import LocalProvider, model_file
from experts.providers.protocol import ExpertCall
from experts.residency.manager import ResidencyManager
from experts.residency.policy.values import Rules
from experts.residency.simulation.machine import GB, Machine
from experts.residency.simulation.summary import SCHEDULES, compare, summarise
from experts.residency.simulation.trace import Shape, generate

MODELS = 6
SIZE = 4 * GB
MACHINE = Machine("two of six", 2 * SIZE, 4 * GB, lanes=2, slots=4)
MAX_WAIT = 60.0
REAL_MAX_WAIT = 120.0


def simulated(seeds: int) -> None:
    """Print what each schedule comes to, for each seed."""
    print("seed  schedule              loads  fewest  ratio  mean wait  longest")
    for seed in range(seeds):
        trace = generate(Shape(experts=MODELS, requests=1500, rate=4.0, seed=seed))
        sizes = {one.answers: SIZE for one in trace}
        runs = compare(trace, sizes, [MACHINE], max_wait=MAX_WAIT, ahead=0.05, schedules=SCHEDULES)
        for run in summarise(runs, sizes, MAX_WAIT)["runs"]:
            name = f"{run['order']}, {run['eviction']}"
            print(
                f"{seed:4}  {name:20} {run['loads']:6} {run['fewest']:7}"
                f" {run['loads'] / run['fewest']:6.2f} {run['wait_mean']:10.1f} {run['wait_max']:8.1f}"
            )


async def real(requests: int, rate: float) -> None:
    """Print what both schedules come to on real models."""
    with tempfile.TemporaryDirectory() as folder:
        experts = [_copy(Path(folder), number) for number in range(MODELS)]
        size = await _measured(experts[0])
        budget = int(2.3 * size)
        print(f"one model takes {size / 1e6:.0f} MB, the budget is {budget / 1e6:.0f} MB")
        for rules in (
            Rules(budget, order="fcfs", eviction="lru", prefetch=2.0),
            Rules(budget, max_wait=REAL_MAX_WAIT),
        ):
            await _replay(experts, rules, requests, rate)


def _copy(folder: Path, number: int) -> Expert:
    path = folder / f"model-{number}.gguf"
    shutil.copy(model_file(ASSISTANT), path)
    return Expert(id=f"model-{number}", provider="local", endpoints=(Endpoint(url=str(path)),))


async def _measured(expert: Expert) -> int:
    manager = ResidencyManager(Rules(float("inf")))
    provider = LocalProvider(LlamaOptions(), manager)
    await provider.load(expert)
    (view,) = manager.view()
    await provider.aclose()
    return view.size


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
    loads = sum(view.loads for view in manager.view())
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
    parser.add_argument("--real", action="store_true", help="only the real models")
    given = parser.parse_args()
    if not given.real:
        simulated(given.seeds)
    asyncio.run(real(given.requests, given.rate))


if __name__ == "__main__":
    main()
