"""What a second worker process brings: the service and a bare pass-through, each with one process and with two.

All four stand before the same stub of an expert and are asked by the same clients, in alternation. Clients, stub and
stores run on the same machine and take processor time too, so on few cores a second process cannot double the rate. So
beside the rates there is the processor time of a request, in the way itself and in all that takes part; from the latter
follows the most that this machine's cores allow, and whether two processes get there.

    python benchmarks/bench_workers.py [--clients 64] [--seconds 4] [--rounds 5] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from bench_capacity import running_service, set_limits
from gateway_clients import load, question
from gateway_ways import HEADERS, free_port, running, settings

WORKER = "orchestrator.serving.process"
SIZE = 1_000


@dataclass(frozen=True)
class Side:
    """One of the things that are compared.

    Args:
        name: Of it.
        url: Where it listens.
        headers: That it wants with each request.
        pids: Its processes that serve.
        others: Its stores, and the process that looks after the others.
    """

    name: str
    url: str
    headers: dict[str, str]
    pids: tuple[int, ...]
    others: tuple[int, ...] = ()


def spent(pids: tuple[int, ...]) -> float:
    """Return the seconds of processor time that processes have used."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)


def own() -> float:
    """Return the seconds of processor time that the clients have used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def bare(stub: int, processes: int) -> Iterator[Side]:
    """Run so many pass-throughs that share a port."""
    port = free_port()
    with ExitStack() as stack:
        pids = [stack.enter_context(running("bare", port, stub)) for _ in range(processes)]
        yield Side(f"bare {processes}", f"http://127.0.0.1:{port}", {}, tuple(pids))


@contextmanager
def service(directory: Path, stub: int, processes: int) -> Iterator[Side]:
    """Run a service of so many worker processes."""
    directory.mkdir(mode=0o755)
    environ = settings(directory, stub, COE_WORKERS=str(processes), COE_ADMIN_UI="false")
    with running_service(directory, environ) as (url, pid):
        asyncio.run(set_limits(url))
        process = psutil.Process(pid)
        serving = [one.pid for one in process.children() if WORKER in one.cmdline()]
        stores = []
        for file in (directory / "postgres/postmaster.pid", *directory.glob("valkey/*.pid")):
            store = psutil.Process(int(file.read_text().split()[0]))
            stores += [store.pid, *(one.pid for one in store.children(recursive=True))]
        pids = tuple(serving) or (pid,)
        others = (*stores, *((pid,) if serving else ()))
        yield Side(f"service {processes}", url, HEADERS, pids, others)


def measure(
    sides: list[Side], stub: int, chosen: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Ask all in turn, round after round; return the medians by name."""
    asked = question(SIZE, stream=False)
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for side in sides:
        asyncio.run(load(side.url, asked, chosen.clients, 0.5, side.headers))
    for _ in range(chosen.rounds):
        for side in sides:
            each = [spent((pid,)) for pid in side.pids]
            before = sum(each), spent((*side.others, stub)) + own()
            seen = asyncio.run(load(side.url, asked, chosen.clients, chosen.seconds, side.headers))
            parts = [spent((pid,)) - was for pid, was in zip(side.pids, each, strict=True)]
            way = sum(parts)
            rest = spent((*side.others, stub)) + own() - before[1]
            figures = found[side.name]
            figures["rate"].append(seen.answered / seen.seconds)
            figures["cpu_ms"].append(1000 * way / seen.answered)
            figures["all_cpu_ms"].append(1000 * (way + rest) / seen.answered)
            figures["busiest"].append(max(parts) / way)
            figures["p99_ms"].append(seen.percentile(0.99))
    return {
        name: {what: statistics.median(values) for what, values in figures.items()}
        for name, figures in found.items()
    }


def report(found: dict[str, dict[str, float]], cores: int) -> dict[str, object]:
    """Print what was seen, and return it with what follows from it."""
    print("way          a second   CPU ms  all CPU ms  busiest worker      p99")
    for name, seen in found.items():
        print(
            f"{name:10}{seen['rate']:11,.0f}{seen['cpu_ms']:9.3f}{seen['all_cpu_ms']:12.3f}"
            f"{seen['busiest']:15.0%}{seen['p99_ms']:10.1f}"
        )
    ratios: dict[str, float] = {}
    for kind in ("bare", "service"):
        one, two = found[f"{kind} 1"], found[f"{kind} 2"]
        ratios[f"{kind} gained"] = two["rate"] / one["rate"]
        # One process can use one core; all cores together bear what all the work of a request allows.
        most = cores * 1000 / two["all_cpu_ms"]
        alone = min(1000 / one["cpu_ms"], cores * 1000 / one["all_cpu_ms"])
        ratios[f"{kind} at most here"] = most / alone
        # With clients, stub and stores elsewhere: what two cores serve by two processes against one by one.
        ratios[f"{kind} with cores for it"] = 2 * one["cpu_ms"] / two["cpu_ms"]
    print(f"\nTwo against one, on {cores} cores")
    for name, ratio in ratios.items():
        print(f"  {name:26}{ratio:6.2f}x")
    return {"cores": cores, "ways": found, "ratios": ratios}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="Also write what was seen there.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        directory.chmod(0o755)
        port = free_port()
        stub = stack.enter_context(running("stub", port))
        sides = [stack.enter_context(bare(port, count)) for count in (1, 2)]
        sides += [
            stack.enter_context(service(directory / str(count), port, count)) for count in (1, 2)
        ]
        cores = len(os.sched_getaffinity(0))
        told = report(measure(sides, stub, chosen), cores)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
