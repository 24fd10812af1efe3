"""What a run costs beside its experts: milliseconds a step, alone and 200 at once in one process.

Scripted experts answer at once, so all that a run takes is its own: choosing experts, limits, the
ledger in memory, events, LangGraph's steps. They also answer after a delay, 200 runs at once: beyond
the delays that a run has to wait for, what is left is the process's work for all of them.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/bench_conductor.py [--rounds N]
        [--runs N] [--delay SECONDS] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from experts.catalogue.expert import Expert
from orchestrator.conductor.engine import execute
from orchestrator.conductor.evaluation.local import Local, open_local
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.ports import Lost, Tell
from orchestrator.conductor.run import Run
from orchestrator.conductor.values import Ask, Outcome, Said, Task

TASK = "Which number is larger, 17 * 23 or 20 * 19?"
ROUNDS = 4
LIMIT_MS = 5.0
STRATEGIES = ("direct", "cascade", "panel", "conductor")


@dataclass(frozen=True, slots=True)
class Timing:
    """Experts that note how long was waited for them.

    Args:
        inner: Those that answer.
        delay: Seconds before each answer.
        waited: Seconds of each call, in the order they ended.
    """

    inner: Any
    delay: float
    waited: list[float]

    def __getattr__(self, name: str) -> Any:
        """Return whatever else they can do."""
        return getattr(self.inner, name)

    async def ask(self, expert: str, ask: Ask, task: Task, tell: Tell, lost: Lost) -> Said:
        """Ask one."""
        began = time.perf_counter()
        if self.delay:
            await asyncio.sleep(self.delay)
        said: Said = await self.inner.ask(expert, ask, task, tell, lost)
        self.waited.append(time.perf_counter() - began)
        return said


def experts() -> list[Expert]:
    calls = [f'<call expert="helper">\nWhat is {n} * 19?\n</call>' for n in range(ROUNDS)]
    lead = {"turns": [*calls, "<answer>17 * 23</answer>"]}
    entries: list[dict[str, Any]] = [
        {"id": "lead", "parameters": {"script": lead}, "tags": ["math"], "active_parameters": 70.0},
        {"id": "helper", "parameters": {"script": "fixed:380. VERDICT: CORRECT"}},
        {"id": "third", "parameters": {"script": "fixed:380. VERDICT: CORRECT"}},
    ]
    return [Expert.model_validate({"provider": "scripted", **each}) for each in entries]


async def one(
    local: Local, strategy: str, number: int, delay: float
) -> tuple[Outcome, float, float]:
    """Return what a run came to, how long it took, and how long it waited for experts."""
    task = Task(({"role": "user", "content": TASK},), TASK, policy="quality")
    asked = Timing(local.experts_for(f"run_{number}"), delay, [])
    run = Run(task, asked, local.sandbox, limits=Limits(rounds=ROUNDS + 2))
    began = time.perf_counter()
    outcome = await execute(strategy, run)
    return outcome, time.perf_counter() - began, sum(asked.waited)


async def alone(local: Local, strategy: str, rounds: int) -> dict[str, float]:
    await one(local, strategy, 0, 0.0)
    found = [await one(local, strategy, number, 0.0) for number in range(1, rounds + 1)]
    # Calls that overlap are waited for together, so this is rather too little for a panel.
    over = [(took - waited) * 1000 / len(outcome.steps) for outcome, took, waited in found]
    whole = [took * 1000 / len(outcome.steps) for outcome, took, _ in found]
    steps = float(np.mean([len(outcome.steps) for outcome, *_ in found]))
    return {
        "steps": steps,
        "step_ms": float(np.median(over)),
        "step_ms_p99": float(np.quantile(over, 0.99)),
        "step_with_call_ms": float(np.median(whole)),
    }


async def at_once(local: Local, runs: int, delay: float) -> dict[str, float]:
    began = time.perf_counter()
    processor = time.process_time()
    found = await asyncio.gather(*(one(local, "conductor", n, delay) for n in range(runs)))
    wall, used = time.perf_counter() - began, time.process_time() - processor
    if any(outcome.text != "17 * 23" or not outcome.verified for outcome, *_ in found):
        raise SystemExit("a run came to another answer")
    steps = sum(len(outcome.steps) for outcome, *_ in found)
    waiting = delay * max(outcome.calls for outcome, *_ in found)
    return {
        "runs": runs,
        "steps": steps,
        "wall_s": wall,
        "waiting_s": waiting,
        "step_ms": (wall - waiting) * 1000 / steps,
        "processor_step_ms": used * 1000 / steps,
    }


async def measured(rounds: int, runs: int, delay: float) -> dict[str, Any]:
    async with open_local(experts()) as local:
        single = {name: await alone(local, name, rounds) for name in STRATEGIES}
        return {"alone": single, "at_once": await at_once(local, runs, delay)}


def shown(found: dict[str, Any]) -> str:
    lines = [f"{'one at a time':16}steps  ms a step (p99)  with a call's own way"]
    for name, each in found["alone"].items():
        lines.append(
            f"{name:16}{each['steps']:5.0f}{each['step_ms']:11.2f} ({each['step_ms_p99']:.2f})"
            f"{each['step_with_call_ms']:12.2f}"
        )
    many = found["at_once"]
    lines.append(
        f"{many['runs']} runs at once, {many['steps']} steps: {many['wall_s']:.2f} s, of which"
        f" {many['waiting_s']:.2f} s are waited for experts; {many['step_ms']:.2f} ms a step,"
        f" {many['processor_step_ms']:.2f} ms of the processor"
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--delay", type=float, default=0.5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = asyncio.run(measured(arguments.rounds, arguments.runs, arguments.delay))
    print(json.dumps(found) if arguments.json else shown(found))
    slow = [name for name, each in found["alone"].items() if each["step_ms"] > LIMIT_MS]
    if slow or found["at_once"]["step_ms"] > LIMIT_MS:
        raise SystemExit(f"more than {LIMIT_MS:g} ms a step: {', '.join(slow) or 'at once'}")


if __name__ == "__main__":
    main()
