"""What the gateway costs: the service with everything on, against a bare pass-through in the same run.

Both stand before the same stub of an expert and are asked by the same clients, in alternation. The bare one
(granian, Starlette, aiohttp) reads a request and passes it on, and does nothing else. The service knows
the key, holds limits and budgets, routes, records usage and counts. Ratios of processor time hardly depend on what else
the machine does; times do.

    python benchmarks/bench_gateway.py [--clients 1,32,128] [--rounds 3] [--seconds 4] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml
from bench_capacity import KEY, running_service, set_limits
from gateway_parts import Seen, load

PARTS = Path(__file__).with_name("gateway_parts.py")
HEADERS = {"authorization": f"Bearer {KEY}"}


@dataclass(frozen=True)
class Way:
    """One way to the expert: its name, URL and process."""

    name: str
    url: str
    pid: int


@dataclass
class Figures:
    """What was seen of one way under one load, a value for each round.

    Args:
        cpu_ms: Processor time of the way for each request, in milliseconds.
        rate: Requests a second.
        p50: Of the times of answers, in milliseconds.
        p99: The same.
        first: Of the times of their first pieces, in milliseconds.
    """

    cpu_ms: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)

    def add(self, seen: Seen, spent: float) -> None:
        """Add a round, in which the way spent so many seconds of processor time."""
        self.cpu_ms.append(1000 * spent / seen.answered)
        self.rate.append(seen.answered / seen.seconds)
        self.p50.append(seen.percentile(0.5))
        self.p99.append(seen.percentile(0.99))
        self.first.append(seen.percentile(0.5, first=True))

    def medians(self) -> dict[str, float]:
        """Return the median of each over the rounds."""
        return {name: round(statistics.median(each), 3) for name, each in vars(self).items()}


def body(*, streamed: bool, words: int) -> bytes:
    said = "Please tell me about it. " * max(words // 5, 1)
    asked = {"model": "coe", "stream": streamed, "messages": [{"role": "user", "content": said}]}
    return json.dumps(asked).encode()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(name: str, *ports: int) -> Iterator[int]:
    """Run a server of :mod:`gateway_parts`; yield its process id once it listens."""
    command = [sys.executable, str(PARTS), name, *map(str, ports)]
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", ports[0])) == 0:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not start")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.kill()
        process.wait()


@contextmanager
def all_ways(directory: Path) -> Iterator[list[Way]]:
    stub, bare = free_port(), free_port()
    experts = directory / "experts.yaml"
    entry = {
        "id": "stub",
        "provider": "openai",
        "model": "stub",
        "endpoints": [{"url": f"http://127.0.0.1:{stub}/v1"}],
        "price": {"input": 1.0, "output": 2.0},
        "context_window": 1_000_000,
    }
    experts.write_text(yaml.safe_dump({"experts": [entry]}))
    environ = {
        "COE_DATA_DIR": str(directory),
        "COE_EXPERTS_FILE": str(experts),
        "COE_ADMIN_KEY": KEY,
        "COE_PORT": "0",
        "COE_WORKER": "false",
    }
    with ExitStack() as stack:
        stack.enter_context(running("stub", stub))
        bare_pid = stack.enter_context(running("bare", bare, stub))
        url, pid = stack.enter_context(running_service(directory, environ))
        asyncio.run(set_limits(url))
        yield [Way("bare", f"http://127.0.0.1:{bare}", bare_pid), Way("service", url, pid)]


def own_cpu(pid: int) -> float:
    """Return the seconds of processor time of a process by itself, without its stores."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def measure(
    ways: list[Way], what: bytes, clients: int, rounds: int, seconds: float
) -> dict[str, Figures]:
    found = {way.name: Figures() for way in ways}
    for number in range(rounds + 1):
        for way in ways:
            before = own_cpu(way.pid)
            seen = asyncio.run(load(way.url, what, clients, seconds if number else 1.0, HEADERS))
            time.sleep(0.3)  # what is written afterwards counts too
            if number:  # the first is for warming up
                found[way.name].add(seen, own_cpu(way.pid) - before)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", default="1,32,128")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--words", type=int, default=100)
    parser.add_argument("--only", choices=("whole", "streamed"))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    told = []
    print("clients  answers   way        CPU ms   a second      p50      p99  first token")
    with tempfile.TemporaryDirectory(prefix="coe-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with all_ways(directory) as ways:
            for streamed in (False, True):
                kind = "streamed" if streamed else "whole"
                if chosen.only not in (None, kind):
                    continue
                what = body(streamed=streamed, words=chosen.words)
                for clients in map(int, chosen.clients.split(",")):
                    found = measure(ways, what, clients, chosen.rounds, chosen.seconds)
                    bare = found["bare"].medians()
                    for way, figures in found.items():
                        seen = figures.medians()
                        told.append({"clients": clients, "answers": kind, "way": way, **seen})
                        times = (
                            ""
                            if way == "bare"
                            else f"  {seen['cpu_ms'] / bare['cpu_ms']:.1f} x the CPU"
                        )
                        print(
                            f"{clients:7}  {kind:8}  {way:9}{seen['cpu_ms']:8.3f} {seen['rate']:10,.0f}"
                            f" {seen['p50']:8.2f} {seen['p99']:8.2f} {seen['first']:12.2f}{times}",
                            flush=True,
                        )
    if chosen.json:
        chosen.json.write_text(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
