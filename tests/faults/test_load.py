"""Five of a hundred upstream calls fail: nearly all clients do not notice, and the bill is exact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from tests.faults.asking import make_keys, rows_by_id
from tests.faults.conftest import PRICE, SIZES
from tests.faults.ledger import Taken, nanos_by_request
from tests.faults.load import Tally, load, varied
from tests.faults.stores import Cluster
from tests.faults.upstream import FaultyUpstream

_CENT = 0.01
EXPERTS = [f"unsteady.{name}" for name in SIZES]


async def _check(cluster: Cluster, upstream: FaultyUpstream, clients: int, seconds: float) -> Tally:
    key = (await make_keys(cluster.replicas[0], [("load", EXPERTS)]))["load"]
    began = len(upstream.ledger.taken)
    tally = await load(cluster.urls, key, asked=varied("coe"), clients=clients, seconds=seconds)
    taken = upstream.ledger.taken[began:]
    assert sum(not one.ended for one in taken) >= 5, "nearly all went well"
    assert tally.success >= 0.999, tally.failures
    assert {one.code for one in tally.results if one.begun} <= {None, "expert_answer_invalid"}
    identifiers = {one.request_id for one in tally.results}
    assert len(identifiers) == len(tally.results)
    rows = await rows_by_id(cluster.replicas[0], identifiers)
    mine = {identifier: rows.get(identifier, []) for identifier in identifiers}
    assert {len(each) for each in mine.values()} == {1}
    _check_money({identifier: each[0] for identifier, each in mine.items()}, taken)
    return tally


def _check_money(rows: dict[str, dict[str, Any]], taken: Sequence[Taken]) -> None:
    """Compare with the upstream's ledger: exact where it counted, to the cent over all.

    What an expert said just before it failed is counted here, which may differ from its own count.
    """
    bill = nanos_by_request(taken, PRICE["input"], PRICE["output"])
    booked = {identifier: round(row["cost_usd"] * 1e9) for identifier, row in rows.items()}
    answers = Counter(one.request_id for one in taken if one.sent_tokens)
    exact = [i for i, row in rows.items() if not row["tokens_estimated"] and answers[i] == 1]
    assert len(exact) > 0.95 * len(rows)
    assert {i: booked[i] for i in exact} == {i: bill[i] for i in exact}
    assert abs(sum(booked.values()) - sum(bill.values())) / 1e9 < _CENT


async def test_clients_do_not_notice_and_money_is_exact(
    cluster: Cluster, unsteady_upstream: FaultyUpstream
) -> None:
    tally = await _check(cluster, unsteady_upstream, clients=50, seconds=4.0)
    assert len(tally.results) > 150


@pytest.mark.slow
async def test_two_hundred_clients_for_a_minute(
    cluster: Cluster, unsteady_upstream: FaultyUpstream
) -> None:
    tally = await _check(cluster, unsteady_upstream, clients=200, seconds=60.0)
    assert len(tally.results) > 5_000
