"""Stores that go away and come back, and a replica that is killed, all of it during load.

The real servers do it. No answered request may be lost or counted twice, whatever is away the service
answers on, and everything recovers by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from tests.faults.asking import rows_by_id
from tests.faults.conftest import PRICE
from tests.faults.ledger import nanos_by_request
from tests.faults.load import Result, Tally, load, varied
from tests.faults.stores import Cluster
from tests.faults.upstream import FaultyUpstream

Blow = tuple[float, Callable[[], object]]
"""Seconds to wait, and what happens then."""
_PATIENCE = 3.0
"""Seconds that a request may take on a busy machine while something is away."""


async def _load_during(
    cluster: Cluster, blows: Sequence[Blow], *, clients: int
) -> tuple[Tally, list[float]]:
    """Return what clients got while blows fell, and when each fell."""
    over, fell = asyncio.Event(), []
    asking = asyncio.create_task(
        load(
            cluster.urls,
            cluster.key,
            asked=varied("steady"),
            clients=clients,
            over=over,
            pause=0.02,
        )
    )
    try:
        for pause, blow in blows:
            await asyncio.sleep(pause)
            fell.append(time.monotonic())
            await asyncio.to_thread(blow)
        await asyncio.sleep(0.5)
    finally:
        over.set()
    return await asking, fell


async def _check_rows(
    cluster: Cluster, unsteady_upstream: FaultyUpstream, results: list[Result]
) -> None:
    """Every answer has exactly one row with its cost, and nothing else has one that costs."""
    answered = {one.request_id for one in results if one.code is None}
    rows = await rows_by_id(cluster.replicas[1], answered)
    assert answered <= rows.keys(), f"{len(answered - rows.keys())} rows are lost"
    assert not [identifier for identifier, each in rows.items() if len(each) > 1]
    single = {identifier: each[0] for identifier, each in rows.items()}
    assert Counter(single[identifier]["status"] for identifier in answered) == {"ok": len(answered)}
    bill = nanos_by_request(unsteady_upstream.ledger.taken, PRICE["input"], PRICE["output"])
    wrong = {i for i in answered if round(single[i]["cost_usd"] * 1e9) != bill[i]}
    assert not wrong
    # Those that were cut off have a row, or were never taken on; none of them is a success.
    cut = [one for one in results if one.code is not None]
    assert len(rows) <= len(answered) + len(cut)


def _is_ready(url: str) -> Callable[[], Any]:
    def ready() -> bool:
        answer = httpx.get(url + "/readyz", timeout=5)
        return bool(answer.json()["status"] == "ok")

    return ready


def _blows(cluster: Cluster, away: float, between: float) -> list[Blow]:
    """Each store goes and comes back; then a replica is killed while Redis is away, too."""
    doomed = cluster.replicas[0]
    return [
        (between, cluster.valkey.stop),
        (away, cluster.valkey.start),
        (between, cluster.postgres.stop),
        (away, cluster.postgres.start),
        (between, cluster.valkey.stop),
        (away / 2, doomed.kill),
        (away / 2, cluster.valkey.start),
        (between, doomed.start),
    ]


async def _survive(
    cluster: Cluster, unsteady_upstream: FaultyUpstream, blows: list[Blow], clients: int
) -> list[Result]:
    tally, fell = await _load_during(cluster, blows, clients=clients)
    killed = next(at for at, (_, blow) in zip(fell, blows, strict=True) if "kill" in str(blow))
    before = [one for one in tally.results if one.sent_at + one.seconds < killed]
    assert {one.code for one in before} == {None}, tally.failures
    assert set(tally.failures) <= {"no_connection", "broken_off"}
    # Those of the killed one go to the other, which nobody has to wait for.
    assert tally.failures.total() <= 3 * clients
    assert max(one.seconds for one in tally.results) < _PATIENCE
    await _check_rows(cluster, unsteady_upstream, tally.results)
    for url in cluster.urls:
        assert await asyncio.to_thread(_is_ready(url))
    return tally.results


async def test_stores_go_and_come_back_and_a_replica_is_killed(
    cluster: Cluster, unsteady_upstream: FaultyUpstream
) -> None:
    results = await _survive(
        cluster, unsteady_upstream, _blows(cluster, away=0.6, between=0.3), clients=16
    )
    assert len(results) > 300


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_stores_go_and_come_back_again_and_again(
    cluster: Cluster, unsteady_upstream: FaultyUpstream
) -> None:
    blows = _blows(cluster, away=5.0, between=2.0) + _blows(cluster, away=0.2, between=0.2)
    await _survive(cluster, unsteady_upstream, blows, clients=64)
