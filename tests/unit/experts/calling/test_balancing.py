"""Which endpoint is next: least to do for its weight, shares by weight, those that are down last."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.calling.balancing import Replica, choose
from experts.calling.breaker import Breaker, BreakerSettings
from experts.calling.names import endpoint_names
from experts.catalogue.expert import Endpoint, SecretRef


def replicas(*weights: float) -> list[Replica]:
    endpoints = [Endpoint(url=f"http://{n}", weight=weight) for n, weight in enumerate(weights)]
    return [
        Replica("e", str(endpoint.url), endpoint, Breaker(BreakerSettings()))
        for endpoint in endpoints
    ]


def put_down(one: Replica, now: float = 0.0) -> None:
    one.breaker.open(now, now + 30.0, "expert_failed")


def test_one_endpoint_is_always_it() -> None:
    (only,) = replicas(1)
    put_down(only)
    assert choose([only], 0.0) is only


@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (5, 3, 2), (1, 1, 1, 1)])
def test_shares_follow_the_weights_over_short_stretches(weights: tuple[int, ...]) -> None:
    them = replicas(*weights)
    counts = Counter(choose(them, 0.0).name for _ in range(100))
    for one in them:
        share = one.endpoint.weight / sum(weights)
        assert counts[one.name] == pytest.approx(100 * share, abs=1)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.floats(0.1, 10)), min_size=1, max_size=8),
    st.data(),
)
def test_the_least_loaded_of_those_that_are_ready(
    loads: list[tuple[int, float]], data: st.DataObject
) -> None:
    them = replicas(*(weight for _, weight in loads))
    for one, (outstanding, _) in zip(them, loads, strict=True):
        one.outstanding = outstanding
        if data.draw(st.booleans()):
            put_down(one)
        if data.draw(st.booleans()):
            one.rests_until = 5.0
    tried = set(data.draw(st.lists(st.sampled_from(them), max_size=len(them) - 1, unique=True)))
    chosen = choose(them, 0.0, tried)
    assert chosen not in tried
    ready = [one for one in them if one not in tried and one.ready(0.0)]
    if ready:
        assert chosen.ready(0.0)
        assert chosen.load() == min(one.load() for one in ready)


def test_who_comes_back_does_not_catch_up() -> None:
    first, second = replicas(1, 1)
    put_down(second)
    assert {choose([first, second], 0.0) for _ in range(50)} == {first}
    second.breaker.close()
    turns = [choose([first, second], 0.0) for _ in range(10)]
    assert 4 <= turns.count(second) <= 6


def test_where_all_are_down_the_one_to_be_tried_first_is_tried() -> None:
    first, second = replicas(1, 1)
    put_down(first, 10.0)
    put_down(second, 5.0)
    assert choose([first, second], 11.0) is second
    assert choose([first, second], 11.0, {second}) is first


def test_names_hold_nothing_secret_and_tell_endpoints_apart() -> None:
    key = SecretRef(env="A")
    endpoints = (
        Endpoint(url="https://user:pass@h:1/v1?key=s#f"),
        Endpoint(url="https://b/v1", api_key=key),
        Endpoint(url="https://b/v1", api_key=SecretRef(env="B")),
        Endpoint(),
        Endpoint(url="/models/a.gguf"),
    )
    names = endpoint_names(endpoints)
    assert names == ("https://h:1/v1", "https://b/v1#1", "https://b/v1#2", "default",
                     "/models/a.gguf")  # fmt: skip
