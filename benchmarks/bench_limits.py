"""What limits cost a request: admitted and settled under ten limits, against the journal alone.

Starts a Valkey of its own. A request is opened and closed in the journal, one after the other: once
without limits, once under all five limits of its tenant and all five of its key. Both take two round
trips. Rounds of both alternate, so that whatever else the machine does meets both.

    python benchmarks/bench_limits.py [--json] [--requests 3000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from redis.asyncio import Redis

from orchestrator.kit.ids import new_request_id
from orchestrator.kit.stores.valkey import EmbeddedValkey
from orchestrator.tenants.limits.limiter import Limiter
from orchestrator.tenants.limits.replicas import Replicas
from orchestrator.tenants.limits.script import RedisLimits
from orchestrator.tenants.limits.values import TENANT, Ask, Limits, Scope, Spent
from orchestrator.usage.journal import STREAM, UsageJournal
from orchestrator.usage.record import UsageRecord
from orchestrator.usage.spool import Spool

ROUNDS = 6
MOST = 10**12
ALL = Limits(MOST, MOST, MOST, MOST, MOST)


@dataclass(frozen=True)
class Measured:
    """Medians of the rounds, in microseconds a request."""

    wall_us: float
    client_cpu_us: float
    server_cpu_us: float


class Book:
    """Limits without a database."""

    def scopes(self, tenant: str, key_id: str) -> tuple[Scope, ...]:  # noqa: ARG002
        """Return all limits there are, for a tenant and for a key."""
        return Scope(TENANT, ALL), Scope(key_id, ALL)


async def requests(journal: UsageJournal, count: int) -> None:
    for _ in range(count):
        record = UsageRecord(
            request_id=new_request_id(),
            tenant="default",
            key_id="key_one",
            api="chat.completions",
            model="coe",
            status="ok",
            prompt_tokens=100,
            completion_tokens=50,
            cost_nanos=1_500,
        )
        ask = Ask(record.request_id, "default", "key_one", tokens=300, nanos=3_000)
        await journal.open(record, ask)
        await journal.close(record)


async def server_cpu(redis: Redis) -> float:
    info = await redis.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


async def measure(redis: Redis, journal: UsageJournal, count: int) -> Measured:
    await redis.delete(STREAM)
    server, cpu, wall = await server_cpu(redis), time.process_time(), time.perf_counter()
    await requests(journal, count)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    server = await server_cpu(redis) - server
    return Measured(wall / count * 1e6, cpu / count * 1e6, server / count * 1e6)


async def compare(url: str, path: Path, count: int) -> dict[str, Measured]:
    async with Redis.from_url(url) as redis:
        limiter = Limiter(Book(), RedisLimits(redis), _spent, Replicas(redis, "one"))  # type: ignore[arg-type]
        spool = Spool(path / "spool")
        journals = {
            "journal alone": UsageJournal(redis, spool, "one"),
            "under ten limits": UsageJournal(redis, spool, "one", limiter),
        }
        rounds: dict[str, list[Measured]] = {name: [] for name in journals}
        for journal in journals.values():
            await requests(journal, 100)
        for _ in range(ROUNDS):
            for name, journal in journals.items():
                rounds[name].append(await measure(redis, journal, count // ROUNDS))
    return {name: _median(each) for name, each in rounds.items()}


async def _spent(tenants: object) -> dict[str, dict[str, Spent]]:  # noqa: ARG001
    periods = Ask(new_request_id(), "default", "key_one").periods
    return {"default": {TENANT: Spent(periods)}}


def _median(rounds: list[Measured]) -> Measured:
    columns = zip(*(asdict(each).values() for each in rounds), strict=True)
    return Measured(*(round(statistics.median(column), 1) for column in columns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--requests", type=int, default=3_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        valkey = EmbeddedValkey(Path(directory))
        try:
            measured = asyncio.run(compare(valkey.start(), Path(directory), arguments.requests))
        finally:
            valkey.stop()
    if arguments.json:
        print(json.dumps({name: asdict(each) for name, each in measured.items()}, indent=2))
        return
    print(f"{'a request':20} {'wall us':>9} {'client CPU us':>14} {'server CPU us':>14}")
    for name, each in measured.items():
        print(f"{name:20} {each.wall_us:9} {each.client_cpu_us:14} {each.server_cpu_us:14}")


if __name__ == "__main__":
    main()
