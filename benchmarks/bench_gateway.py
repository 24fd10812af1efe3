"""What the gateway costs: the service with everything on, a bare pass-through and the litellm proxy in one run.

All stand before the same stub of an expert and are asked by the same clients, in alternation. The bare one
(granian, Starlette, aiohttp) reads a request and passes it on, and does nothing else. The service knows the key,
holds limits and budgets, routes, records usage and counts. The litellm proxy, from an environment of its own
(``make bench-peers``; left out where that is not there), has one worker, a master key, no database and no limits.
Each request has another text, so no cache answers. Ratios of processor time hardly depend on what else the
machine does; times do.

    python benchmarks/bench_gateway.py [--short] [--json FILE] [--plot FILE.svg]
    python benchmarks/bench_gateway.py --only whole-1k,stream-1k --clients 1,32 --rounds 3 --seconds 4
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import peers
from chart import bars
from gateway_aims import Row, aims, show_aims
from gateway_clients import Question, Seen, load, question
from gateway_parts import DRIPPED, WORDS
from gateway_ways import BARE, DIRECT, SERVICE, Way, all_ways

_SLOW = 3.0
"""A way that takes so many times the seconds it was asked for has no further round under that load."""
_SETTLING = 0.3
_WARM = 4
_FILES = 20_000


@dataclass(frozen=True)
class Load:
    """A kind of request.

    Args:
        name: Of the kind.
        size: Bytes of its body.
        clients: How many ask at once; one value after the other.
        pieces: Of the streamed answer; ``None``: it comes whole.
    """

    name: str
    size: int
    clients: tuple[int, ...]
    pieces: int | None = None

    def asked(self) -> Question:
        """Return what is asked."""
        return question(self.size, stream=self.pieces is not None, pieces=self.pieces)


LOADS = (
    Load("whole-1k", 1_000, (1, 32, 128, 512)),
    Load("stream-1k", 1_000, (1, 32, 128, 512), WORDS),
    Load("stream-256", 1_000, (1, 32), 256),
    Load("dripped-1k", 1_000, (1, 32), DRIPPED),
    Load("whole-32k", 32_000, (1, 32)),
    Load("whole-1m", 1_000_000, (1, 32)),
)
SHORT = (
    Load("whole-1k", 1_000, (1, 32)),
    Load("stream-1k", 1_000, (1, 32), WORDS),
    Load("whole-1m", 1_000_000, (1,)),
)


@dataclass
class Figures:
    """What was seen of one way under one load, a value for each round.

    Args:
        cpu_ms: Processor time of the way for each request, in milliseconds.
        rate: Requests a second.
        chunks: Pieces of streamed answers a second; 0 where they come whole.
        p50_ms: Of the times of answers, in milliseconds.
        p99_ms: The same.
        first_ms: Median of the times of their first pieces, in milliseconds.
    """

    cpu_ms: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    chunks: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)

    def add(self, seen: Seen, spent: float, pieces: int | None) -> None:
        """Add a round, in which the way spent so many seconds of processor time."""
        rate = seen.answered / seen.seconds
        self.cpu_ms.append(1000 * spent / seen.answered)
        self.rate.append(rate)
        self.chunks.append(rate * (pieces or 0))
        self.p50_ms.append(seen.percentile(0.5))
        self.p99_ms.append(seen.percentile(0.99))
        self.first_ms.append(seen.percentile(0.5, first=True))

    def medians(self) -> dict[str, float]:
        """Return the median of each over the rounds."""
        return {name: round(statistics.median(each), 4) for name, each in vars(self).items()}


def measure(
    ways: list[Way], what: Load, clients: int, rounds: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Ask all ways in turn, round after round; return the medians by the way's name."""
    asked, found = what.asked(), {way.name: Figures() for way in ways}
    slow: set[str] = set()
    for way in ways:
        asyncio.run(load(way.url, asked, min(clients, _WARM), min(seconds, 0.5), way.headers))
    for _ in range(rounds):
        for way in ways:
            if way.name in slow:
                continue
            before = way.cpu()
            seen = asyncio.run(load(way.url, asked, clients, seconds, way.headers))
            time.sleep(_SETTLING)  # what is written afterwards counts too
            found[way.name].add(seen, way.cpu() - before, what.pieces)
            if seen.seconds > _SLOW * seconds:
                slow.add(way.name)
    return {name: figures.medians() for name, figures in found.items()}


def rows(ways: list[Way], chosen: argparse.Namespace) -> Iterator[Row]:
    """Measure all that was chosen, and print each as it is known."""
    print(
        "load        clients  way           CPU ms   a second   chunks/s       p50       p99     first"
    )
    for what in chosen.loads:
        for clients in chosen.clients or what.clients:
            # Asked directly the stub shows what the rest of the way takes; that matters to one client.
            taken = [way for way in ways if way.name != DIRECT or clients == 1]
            found = measure(taken, what, clients, chosen.rounds, chosen.seconds)
            for name, seen in found.items():
                yield {"load": what.name, "clients": clients, "way": name, **seen}
                print(
                    f"{what.name:12}{clients:7}  {name:11}{seen['cpu_ms']:9.3f} {seen['rate']:10,.1f}"
                    f" {seen['chunks']:10,.0f} {seen['p50_ms']:9.2f} {seen['p99_ms']:9.2f}"
                    f" {seen['first_ms']:9.2f}{_times(name, seen, found)}",
                    flush=True,
                )


def _times(name: str, seen: dict[str, float], found: dict[str, dict[str, float]]) -> str:
    if name != SERVICE:
        return ""
    return f"   {seen['cpu_ms'] / found[BARE]['cpu_ms']:.1f} x bare's CPU"


def picture(told: list[Row]) -> str:
    """Return a chart of processor time a request."""
    groups: dict[str, dict[str, float]] = {}
    for row in told:
        if row["way"] != DIRECT and row["cpu_ms"] > 0:
            name = f"{row['load']}, {row['clients']} at once"
            groups.setdefault(name, {})[row["way"]] = row["cpu_ms"]
    return bars("Processor time a request", "ms", groups)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="the main loads alone, a second each")
    parser.add_argument("--clients", help="in place of each load's own, e.g. 1,32,128,512")
    parser.add_argument("--only", help=f"of {','.join(each.name for each in LOADS)}")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of one way in one round")
    parser.add_argument("--no-peers", action="store_true", help="leave the litellm proxy out")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="an SVG")
    chosen = parser.parse_args()
    wanted = chosen.only.split(",") if chosen.only else None
    known = SHORT if chosen.short else LOADS
    chosen.loads = [each for each in known if wanted is None or each.name in wanted]
    chosen.clients = [int(each) for each in chosen.clients.split(",")] if chosen.clients else None
    chosen.rounds = chosen.rounds or (1 if chosen.short else 2)
    chosen.seconds = chosen.seconds or (0.7 if chosen.short else 1.5)
    return chosen


def main() -> None:
    chosen = options()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, _FILES), hard))
    with_peers = not chosen.no_peers and peers.python() is not None
    about = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }
    if with_peers:
        about["litellm"] = peers.version("litellm")
    elif not chosen.no_peers:
        print(peers.MISSING)
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    with tempfile.TemporaryDirectory(prefix="coe-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with all_ways(directory, with_peers=with_peers) as ways:
            told = list(rows(ways, chosen))
    found = aims(told)
    show_aims(found)
    if chosen.json:
        reached = [{**vars(aim), "reached": aim.reached} for aim in found]
        chosen.json.write_text(json.dumps({**about, "rows": told, "aims": reached}, indent=2))
    if chosen.plot:
        chosen.plot.write_text(picture(told))


if __name__ == "__main__":
    main()
