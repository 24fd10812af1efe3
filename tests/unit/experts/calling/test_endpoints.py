from __future__ import annotations

from collections import Counter

import pytest

from experts.calling.endpoints import choose_endpoint
from experts.catalogue.expert import Endpoint


def test_no_endpoint_is_no_address() -> None:
    assert choose_endpoint((), 3).url is None


def test_one_endpoint_is_always_it() -> None:
    only = Endpoint(url="http://a")
    assert all(choose_endpoint((only,), turn) is only for turn in range(5))


@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (5, 3, 2), (1, 1, 1, 1)])
def test_shares_follow_the_weights_over_short_stretches(weights: tuple[int, ...]) -> None:
    endpoints = [Endpoint(url=f"http://{n}", weight=w) for n, w in enumerate(weights)]
    for start in (0, 1000, 10**9):
        turns = range(start, start + 100)
        counts = Counter(choose_endpoint(endpoints, turn).url for turn in turns)
        for endpoint in endpoints:
            share = endpoint.weight / sum(weights)
            assert counts[endpoint.url] == pytest.approx(100 * share, abs=4)
