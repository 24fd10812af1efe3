"""What one worker of the service holds in memory: idle clients, open streams, and an hour of load in miniature.

The service has everything on and no local model; its stores are other processes and are not counted. Clients come in
waves. Memory that is held for them may be kept for the next wave, but must not grow from wave to wave: the
first shows what is needed, the later ones whether it is flat. Then a mixed load runs for a while, whole and
streamed, 1 KB to 1 MB, and a line is laid through what was resident meanwhile.

    python benchmarks/bench_memory.py [--idle 10000] [--streams 1000] [--waves 3] [--minutes 2] [--json FILE]
    python benchmarks/bench_memory.py --short
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from bench_capacity import running_service, set_limits
from gateway_clients import PATH, load, question
from gateway_parts import HELD, WORDS
from gateway_ways import HEADERS, free_port, running, settings
from memory_clients import connected

_FILES = 20_000
_AIM_MB = 300.0
_FLAT_MB = 10.0
_TELLING = 20_000
"""With fewer requests a line through what was resident says nothing about 100,000."""
_HELD_SECONDS = 5.0
_SAID = {True: "reached", False: "MISSED", None: "too little was seen to tell"}
_MIXED = (
    question(1_000, stream=False),
    question(1_000, stream=True, pieces=WORDS),
    question(32_000, stream=False),
    question(1_000_000, stream=True, pieces=WORDS),
)
_SHARES = (0.45, 0.4, 0.1, 0.05)


@dataclass(frozen=True)
class Held:
    """What the process held at one moment.

    Args:
        when: The moment.
        rss_mb: Resident, what it shares with others included.
        uss_mb: Its own alone.
        connected: Clients that were still connected.
    """

    when: str
    rss_mb: float
    uss_mb: float
    connected: int = 0


def held(when: str, pid: int, connected: int = 0) -> Held:
    """Look at a process."""
    found = psutil.Process(pid).memory_full_info()
    seen = Held(when, round(found.rss / 1e6, 1), round(found.uss / 1e6, 1), connected)
    print(f"{when:34}{seen.rss_mb:9.1f}{seen.uss_mb:9.1f}{connected:11,}", flush=True)
    return seen


async def wave(
    name: str, url: str, pid: int, count: int, request: bytes, awaited: bytes, number: int
) -> Held:
    """Let so many clients come, stay and go; return what was held while they were there."""
    source = f"127.0.0.{10 + number}"
    async with connected(url, count, request, awaited, source) as clients:
        await asyncio.sleep(_HELD_SECONDS)
        return held(name, pid, sum(not client.lost for client in clients))


def waves(
    kind: str,
    url: str,
    pid: int,
    count: int,
    times: int,
    request: bytes,
    awaited: bytes,
    first: int,
) -> list[Held]:
    """Run several waves, and look once more when all are gone."""
    seen = [
        asyncio.run(wave(f"{kind}, wave {n + 1}", url, pid, count, request, awaited, first + n))
        for n in range(times)
    ]
    return [*seen, held(f"{kind}, all gone", pid)]


def health(url: str) -> bytes:
    """Return a small request after which a client stays connected."""
    return f"GET /healthz HTTP/1.1\r\nhost: {url.removeprefix('http://')}\r\n\r\n".encode()


def stream(url: str) -> bytes:
    """Return a request whose stream begins and does not end."""
    body = question(1_000, stream=True, pieces=HELD).numbered(1)
    lines = {"host": url.removeprefix("http://"), "content-type": "application/json", **HEADERS}
    told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {PATH} HTTP/1.1\r\n{told}content-length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True)
class Course:
    """How memory went under load.

    Args:
        requests: So many were answered.
        seconds: In this time.
        slope_mb: Of a line through what was resident, for 100,000 requests.
        points: Requests answered so far, and megabytes resident.
    """

    requests: int
    seconds: float
    slope_mb: float
    points: tuple[tuple[int, float], ...]


async def mixed(url: str, pid: int, seconds: float, clients: int = 24) -> Course:
    """Keep a mixed load up, and look now and then."""
    began, answered = time.monotonic(), 0
    points: list[tuple[int, float]] = []
    while time.monotonic() - began < seconds:
        seen = await asyncio.gather(
            *(
                load(url, what, max(1, round(clients * share)), 2.0, HEADERS)
                for what, share in zip(_MIXED, _SHARES, strict=True)
            )
        )
        answered += sum(each.answered for each in seen)
        points.append((answered, psutil.Process(pid).memory_info().rss / 1e6))
    late = points[len(points) // 4 :]  # the first quarter is warming up
    slope = statistics.linear_regression(*zip(*late, strict=True)).slope if len(late) > 1 else 0.0
    return Course(answered, time.monotonic() - began, round(100_000 * slope, 2), tuple(points))


def run(directory: Path, chosen: argparse.Namespace) -> tuple[list[Held], Course]:
    """Run all of it."""
    print(f"{'':34}{'RSS, MB':>9}{'USS, MB':>9}{'connected':>11}")
    stub = free_port()
    with ExitStack() as stack:
        stack.enter_context(running("stub", stub))
        url, pid = stack.enter_context(running_service(directory, settings(directory, stub)))
        asyncio.run(set_limits(url))
        seen = [held("ready", pid)]
        asyncio.run(mixed(url, pid, 5.0))
        seen.append(held("after 5 s of load", pid))
        kinds = (
            ("idle clients", chosen.idle, health(url), b"ok"),
            ("open streams", chosen.streams, stream(url), b"data: "),
        )
        for number, (kind, count, request, awaited) in enumerate(kinds):
            first = number * chosen.waves
            seen += waves(kind, url, pid, count, chosen.waves, request, awaited, first)
        course = asyncio.run(mixed(url, pid, 60 * chosen.minutes))
        seen.append(held(f"after {course.requests:,} requests more", pid))
    return seen, course


def verdicts(seen: list[Held], course: Course) -> dict[str, bool | None]:
    """Hold what was seen against the aims; ``None`` where too little was seen to tell."""
    most = max(each.rss_mb for each in seen)
    found: dict[str, bool | None] = {f"never above {_AIM_MB:g} MB resident": most < _AIM_MB}
    for kind in ("idle clients", "open streams"):
        warm = [each.rss_mb for each in seen if each.when.startswith(f"{kind}, wave")][1:]
        flat = warm[-1] - warm[0] <= _FLAT_MB if len(warm) > 1 else None
        found[f"{kind}: at most {_FLAT_MB:g} MB more in the last wave than in the second"] = flat
    told = course.requests >= _TELLING
    slope = course.slope_mb <= _FLAT_MB if told else None
    found[f"load: at most {_FLAT_MB:g} MB more for 100,000 requests"] = slope
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--idle", type=int, help="idle clients in a wave")
    parser.add_argument("--streams", type=int, help="open streams in a wave")
    parser.add_argument("--waves", type=int, default=3)
    parser.add_argument("--minutes", type=float, help="of mixed load")
    parser.add_argument("--short", action="store_true", help="a tenth of everything")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    part = 0.1 if chosen.short else 1.0
    chosen.idle = chosen.idle or int(10_000 * part)
    chosen.streams = chosen.streams or int(1_000 * part)
    chosen.minutes = chosen.minutes or 2 * part
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < chosen.idle + 500:
        raise SystemExit(
            f"{chosen.idle} clients need as many files, {wanted} are allowed: ulimit -n"
        )
    with tempfile.TemporaryDirectory(prefix="coe-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        seen, course = run(directory, chosen)
    print(
        f"{course.requests:,} requests in {course.seconds:.0f} s of load: {course.slope_mb:+.1f} MB for 100,000"
    )
    found = verdicts(seen, course)
    for aim, reached in found.items():
        print(f"{aim:70}{_SAID[reached]}")
    if chosen.json:
        told = {"held": [asdict(each) for each in seen], "load": asdict(course), "aims": found}
        chosen.json.write_text(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
