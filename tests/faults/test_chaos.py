"""Stores that go away and come back, and a replica that is killed, all of it during load.

The real servers do it. No answered request may be lost or counted twice, whatever is away the service
answers on, and everything recovers by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import httpx
import pytest

from tests.faults.asking import make_keys, rows_by_id
from tests.faults.conftest import PRICE
from tests.faults.ledger import Taken, nanos_by_request
from tests.faults.load import Result, Tally, load, varied
from tests.faults.stores import Cluster
from tests.faults.upstream import FaultyUpstream

Blow = tuple[float, Callable[[], object]]
"""Seconds to wait, and what happens then."""
_PAUSE = 0.02
_ROW_SECONDS = 15.0
_LEASE_SECONDS = 40.0
"""Until a replica that says nothing is given up, and a little more."""
_PATIENCE = 3.0
"""Seconds that a request may take on a busy machine while something is away."""


async def _load_during(
    cluster: Cluster, key: str, blows: Sequence[Blow], clients: int, model: str = "steady"
) -> tuple[Tally, list[float]]:
    """Return what clients got while blows fell, and when each fell."""
    over, fell = asyncio.Event(), []
    work = load(cluster.urls, key, asked=varied(model), clients=clients, over=over, pause=_PAUSE)
    asking = asyncio.create_task(work)
    try:
        for pause, blow in blows:
            await asyncio.sleep(pause)
            fell.append(time.monotonic())
            await asyncio.to_thread(blow)
        await asyncio.sleep(0.5)
    finally:
        over.set()
    return await asking, fell


async def _rows_of(
    cluster: Cluster, tenant: str, wanted: set[str], seconds: float = _ROW_SECONDS
) -> dict[str, dict[str, Any]]:
    """Return a tenant's rows once those wanted are there, having seen that none is there twice."""
    rows = await rows_by_id(cluster.replicas[1], wanted, seconds)
    mine = {i: each for i, each in rows.items() if each[0]["tenant"] == tenant}
    assert not [identifier for identifier, each in mine.items() if len(each) > 1]
    return {identifier: each[0] for identifier, each in mine.items()}


def _check_answered(
    rows: dict[str, dict[str, Any]], results: list[Result], taken: Sequence[Taken]
) -> None:
    """See that every answer has its row with its cost, and that no other row is a success."""
    answered = {one.request_id for one in results if one.code is None}
    assert answered <= rows.keys(), f"{len(answered - rows.keys())} rows are lost"
    assert Counter(rows[identifier]["status"] for identifier in answered) == {"ok": len(answered)}
    bill = nanos_by_request(taken, PRICE["input"], PRICE["output"])
    wrong = {i for i in answered if round(rows[i]["cost_usd"] * 1e9) != bill[i]}
    assert not wrong
    # Those that were cut off have a row, or were never taken on.
    assert len(rows) <= len(results)


def _check_ready(cluster: Cluster, status: str = "ok") -> None:
    """See what the replicas say; that a store is away is no reason to send them nothing."""
    for url in cluster.urls:
        answer = httpx.get(url + "/readyz", timeout=5)
        assert (answer.status_code, answer.json()["status"]) == (200, status)


def _blows(cluster: Cluster, away: float, between: float) -> list[Blow]:
    """Each store goes and comes back; then a replica is killed while Redis is away, too."""
    doomed = cluster.replicas[0]
    return [
        (between, cluster.valkey.stop),
        (away / 2, partial(_check_ready, cluster, "degraded")),
        (away / 2, cluster.valkey.start),
        (between, cluster.postgres.stop),
        (away / 2, partial(_check_ready, cluster, "degraded")),
        (away / 2, cluster.postgres.start),
        (between, cluster.valkey.stop),
        (away / 2, doomed.kill),
        (away / 2, cluster.valkey.start),
        (between, doomed.start),
    ]


async def _survive(
    cluster: Cluster, upstream: FaultyUpstream, tenant: str, blows: list[Blow], clients: int
) -> list[Result]:
    key = (await make_keys(cluster.replicas[0], [(tenant, None)], tenant=tenant))[tenant]
    tally, fell = await _load_during(cluster, key, blows, clients)
    killed = next(at for at, (_, blow) in zip(fell, blows, strict=True) if "kill" in str(blow))
    before = [one for one in tally.results if one.sent_at + one.seconds < killed]
    assert {one.code for one in before} == {None}, tally.failures
    assert set(tally.failures) <= {"no_connection", "broken_off"}
    # Those of the killed one go to the other, which nobody has to wait for.
    assert tally.failures.total() <= 3 * clients
    assert max(one.seconds for one in tally.results) < _PATIENCE
    answered = {one.request_id for one in tally.results if one.code is None}
    rows = await _rows_of(cluster, tenant, answered)
    _check_answered(rows, tally.results, upstream.ledger.taken)
    await asyncio.to_thread(_check_ready, cluster)
    return tally.results


async def test_stores_go_and_come_back_and_a_replica_is_killed(
    cluster: Cluster, unsteady_upstream: FaultyUpstream
) -> None:
    blows = _blows(cluster, away=0.6, between=0.3)
    results = await _survive(cluster, unsteady_upstream, "once", blows, clients=16)
    assert len(results) > 150


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_stores_go_and_come_back_again_and_again(
    cluster: Cluster, unsteady_upstream: FaultyUpstream
) -> None:
    blows = _blows(cluster, away=5.0, between=2.0) + _blows(cluster, away=0.2, between=0.2)
    await _survive(cluster, unsteady_upstream, "again", blows, clients=64)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_what_a_killed_replica_was_doing_is_told_by_the_other(
    cluster: Cluster, unsteady_upstream: FaultyUpstream
) -> None:
    """Every request that reached an expert has its row, without the killed one starting again."""
    doomed, ledger = cluster.replicas[0], unsteady_upstream.ledger
    key = (await make_keys(doomed, [("killed", None)], tenant="killed"))["killed"]
    began = len(ledger.taken)
    blows: list[Blow] = [(1.5, doomed.kill), (1.0, int)]
    tally, _ = await _load_during(cluster, key, blows, clients=32, model="slowly")
    taken = ledger.taken[began:]
    reached = {one.request_id for one in taken}
    try:
        rows = await _rows_of(cluster, "killed", reached, _LEASE_SECONDS)
    finally:
        await asyncio.to_thread(doomed.start)
    assert reached <= rows.keys(), f"{len(reached - rows.keys())} rows are lost"
    _check_answered(rows, tally.results, taken)
    statuses = Counter(row["status"] for row in rows.values())
    assert statuses.keys() == {"ok", "interrupted"}, statuses
