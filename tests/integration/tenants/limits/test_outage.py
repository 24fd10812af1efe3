"""Redis stopped and started: limits go on as this process's share, and nothing spent is forgotten."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.kit.away import Away
from orchestrator.kit.errors import ApiError
from orchestrator.kit.stores.valkey import EmbeddedValkey
from orchestrator.tenants.tables import tenants
from orchestrator.usage.tables import usage
from tests.integration.tenants.limits.conftest import Replica, new_record


@pytest.fixture
def valkey(scratch: Path, request: pytest.FixtureRequest) -> Iterator[EmbeddedValkey]:
    """A server of this test's own, to be stopped."""
    server = EmbeddedValkey(scratch / f"valkey-{request.node.name[:20]}")
    yield server
    server.stop()


@pytest.fixture
async def pair(
    engine: AsyncEngine, valkey: EmbeddedValkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two replicas that know of each other."""
    for module in ("tenants.limits.limiter", "usage.journal"):
        monkeypatch.setattr(f"orchestrator.{module}.Away", partial(Away, 0.0))
    async with engine.begin() as connection:
        await connection.execute(sa.insert(tenants).values(id="default"))
    async with Redis.from_url(valkey.start(), retry=Retry(NoBackoff(), 1)) as redis:
        one, two = (Replica.of(engine, redis, tmp_path, name) for name in ("one", "two"))
        for replica in (one, two):
            replica.replicas.admits = True
            await replica.replicas.beat()
        await one.replicas.beat()
        yield one, two


async def passed(replica: Replica, times: int, nanos: int = 0) -> int:
    """Return how many of so many requests are let through."""
    admitted = 0
    for _ in range(times):
        try:
            await replica.ask(nanos=nanos)
        except ApiError as error:
            assert error.status in {402, 429}
            assert "share" in error.message or nanos == 0
        else:
            admitted += 1
    return admitted


async def test_each_keeps_its_share_while_redis_is_away(
    pair: tuple[Replica, Replica], valkey: EmbeddedValkey
) -> None:
    one, two = pair
    await one.limit(requests=20)
    await two.book.refresh()
    await one.ask()
    await two.ask()
    assert (one.replicas.count, two.replicas.count) == (2, 2)
    valkey.stop()
    assert await passed(one, 30) == 10
    assert await passed(two, 30) == 10
    valkey.start()
    # What redis had counted it still knows: two of twenty.
    assert await passed(one, 30) == 18
    assert await passed(two, 5) == 0


async def test_a_budget_is_what_was_left_divided_and_settled_afterwards(
    pair: tuple[Replica, Replica], valkey: EmbeddedValkey
) -> None:
    one, two = pair
    await one.limit(day=1_000)
    await two.book.refresh()
    await one.request(nanos=200, cost=200)
    await two.request(nanos=400, cost=400)
    await one.request(nanos=0, cost=0)  # it hears of what the other has spent
    valkey.stop()
    # 400 are left: 200 for each.
    spent = [await one.request(nanos=100, cost=90), await one.request(nanos=100, cost=95)]
    assert await passed(one, 5, nanos=100) == 0
    assert await passed(two, 5, nanos=100) == 2
    valkey.start()
    # These went through the spool to the records, and from there to the counters.
    await one.drain.flush()
    await one.limiter.reconcile()
    with pytest.raises(ApiError) as caught:
        await two.ask(nanos=300)
    assert caught.value.status == 402
    assert "$0.000000785 is spent" in caught.value.message
    assert sum(record.cost_nanos for record in spent) == 185


async def test_a_redis_that_comes_back_empty_while_a_request_is_under_way(
    pair: tuple[Replica, Replica], valkey: EmbeddedValkey, scratch: Path
) -> None:
    one, _ = pair
    await one.limit(day=1_000)
    await one.request(nanos=300, cost=300)
    await one.drain.flush()
    under_way = new_record(cost_nanos=250)
    await one.ask(under_way, nanos=400)
    valkey.stop()
    for file in valkey._directory.glob("appendonlydir/*"):
        file.unlink()
    valkey.start()
    await one.journal.close(under_way)  # the reservation is gone, the record is not
    await one.drain.flush()
    await one.limiter.reconcile()
    with pytest.raises(ApiError) as caught:
        await one.ask(nanos=500)
    assert "$0.00000055 is spent" in caught.value.message


async def test_with_nothing_known_the_records_are_asked(
    pair: tuple[Replica, Replica], valkey: EmbeddedValkey
) -> None:
    one, two = pair
    await one.request(nanos=600, cost=600)
    await one.drain.flush()
    await one.limit(day=1_000)
    await two.book.refresh()
    valkey.stop()
    assert await passed(two, 5, nanos=100) == 2


async def test_a_redis_that_hangs_holds_up_one_request_a_second(
    engine: AsyncEngine, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.insert(tenants).values(id="default"))
    url = valkey.start()
    async with Redis.from_url(url, socket_timeout=0.3, retry=Retry(NoBackoff(), 0)) as redis:
        one = Replica.of(engine, redis, tmp_path, "one")
        await one.limit(requests=100)
        await one.request(nanos=0, cost=0)
        assert valkey._process is not None
        valkey._process.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            for _ in range(20):
                await one.request(nanos=0, cost=0)
            seconds = time.monotonic() - began
        finally:
            valkey._process.send_signal(signal.SIGCONT)
        # Forty round trips of 0.3 seconds would be twelve.
        assert seconds < 3
        assert not one.limiter._held
        await one.drain.flush()
    async with engine.connect() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(usage)) == 21
