"""What failing experts cost the clients of a running service: how many notice, and how long they wait.

Starts a service with stores of its own before an upstream that fails on command, and puts the same
load on it three times: while all is well, while five of a hundred upstream calls fail in a dozen ways,
and while one of four experts refuses every connection. The limit is 99.9 % of the answers that had not
begun when something failed; the time is compared with that of the first load.

    python benchmarks/bench_faults.py [--json] [--clients 50] [--seconds 10]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.e2e.conftest import Server
from tests.faults.asking import make_keys
from tests.faults.conftest import FAILING_SHARE, SIZES, expert
from tests.faults.load import load, unsteady, varied
from tests.faults.upstream import FaultyUpstream

LIMIT = 0.999
SITUATIONS = ("all is well", "5 % fail", "one is down")


@dataclass(frozen=True)
class Measured:
    """One load.

    Args:
        situation: What was wrong.
        requests: How many were answered or not.
        a_second: Their rate.
        succeeded: Share, of those that another expert could still have answered.
        broken: Streams that broke after they had begun.
        p50_ms: Median time until the end of an answer.
        p99_ms: The time that 99 of 100 kept to.
    """

    situation: str
    requests: int
    a_second: float
    succeeded: float
    broken: int
    p50_ms: float
    p99_ms: float


def entries(upstream: FaultyUpstream) -> list[dict[str, object]]:
    made = []
    for situation, behaviour in zip(SITUATIONS, ("steady", "unsteady", "half"), strict=True):
        for name, size in SIZES.items():
            down = situation == "one is down" and name == "large"
            url = upstream.url("refused" if down else "")
            made.append(expert(f"{behaviour}/{name}", url, active_parameters=size))
    return made


async def measure(server: Server, clients: int, seconds: float) -> list[Measured]:
    bound = [
        (situation, [f"{behaviour}.{name}" for name in SIZES])
        for situation, behaviour in zip(SITUATIONS, ("steady", "unsteady", "half"), strict=True)
    ]
    keys = await make_keys(server, bound)
    await load([server.url], keys[SITUATIONS[0]], asked=varied("coe"), clients=clients, seconds=1)
    found = []
    for situation in SITUATIONS:
        tally = await load(
            [server.url], keys[situation], asked=varied("coe"), clients=clients, seconds=seconds
        )
        found.append(
            Measured(
                situation,
                requests=len(tally.results),
                a_second=len(tally.results) / seconds,
                succeeded=tally.success,
                broken=sum(not one.counts for one in tally.results),
                p50_ms=tally.percentile(0.5) * 1000,
                p99_ms=tally.percentile(0.99) * 1000,
            )
        )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args()
    behaviours = {"unsteady": unsteady(FAILING_SHARE, seed=1)}
    with (
        tempfile.TemporaryDirectory(prefix="coe-bench-") as name,
        FaultyUpstream(behaviours) as faulty,
    ):
        place = Path(name)
        place.chmod(0o755)
        service = Server(place / "data", entries(faulty), {"COE_WORKER": "false"}).start()
        try:
            measured = asyncio.run(measure(service, chosen.clients, chosen.seconds))
        finally:
            service.stop()
    if chosen.json:
        print(json.dumps([asdict(each) for each in measured]))
    else:
        print(f"{chosen.clients} clients, every second asks for a stream")
        for each in measured:
            print(
                f"{each.situation:12} {each.a_second:6.0f} requests/s  {each.succeeded:8.3%} succeeded"
                f"  {each.broken:4} broken midway  p50 {each.p50_ms:6.1f} ms  p99 {each.p99_ms:6.1f} ms"
            )
    if min(each.succeeded for each in measured) < LIMIT:
        raise SystemExit(f"fewer than {LIMIT:.1%} succeeded")
