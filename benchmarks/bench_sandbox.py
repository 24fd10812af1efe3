"""How long the sandbox takes to start, run and forget a program, and what a stopped one leaves behind.

Each program gets a fresh session in a warm worker process, and what its last expression comes to is
read back. Started anew is a worker that was killed for its memory.

    python benchmarks/bench_sandbox.py [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time

import numpy as np

from experts.providers.executable import Snippet
from experts.providers.interpreter import Interpreter, Limits

LIMIT_MS = 2.0
PROGRAMS = {
    "an empty program": "pass",
    "a sum": "sum(range(100))",
    "a program of ten lines": "\n".join(f"x{n} = [{n}] * {n}" for n in range(9)) + "\nprint(x8)",
    "an error": "1 / 0",
}
BOMB = "a = ['x' * 1000]\nfor _ in range(30): a = [a, a]\na"


async def timed(interpreter: Interpreter, code: str) -> float:
    began = time.perf_counter()
    await interpreter.run(Snippet(code))
    return (time.perf_counter() - began) * 1000


async def measured(rounds: int) -> dict[str, dict[str, float]]:
    interpreter = Interpreter(Limits(), workers=1)
    try:
        found = {"the first of all": [await timed(interpreter, "pass")]}
        for name, code in PROGRAMS.items():
            found[name] = [await timed(interpreter, code) for _ in range(rounds)]
        found["after one that was killed"] = []
        for _ in range(max(rounds // 20, 1)):
            await interpreter.run(Snippet(BOMB))
            found["after one that was killed"].append(await timed(interpreter, "pass"))
    finally:
        await interpreter.aclose()
    return {
        name: {"p50_ms": float(np.median(each)), "p99_ms": float(np.quantile(each, 0.99))}
        for name, each in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = asyncio.run(measured(arguments.rounds))
    if arguments.json:
        print(json.dumps(found))
    else:
        print(f"{'':28}p50 ms   p99 ms")
        for name, each in found.items():
            print(f"{name:26}{each['p50_ms']:8.2f} {each['p99_ms']:8.2f}")
    if found["an empty program"]["p50_ms"] > LIMIT_MS:
        raise SystemExit(f"more than {LIMIT_MS:g} ms")


if __name__ == "__main__":
    main()
