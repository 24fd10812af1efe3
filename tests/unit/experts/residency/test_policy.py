"""Decisions: who is next, who leaves, what is loaded ahead."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.residency.policy.eviction import room, worth
from experts.residency.policy.grouping import Group, due, due_moments, in_order, places
from experts.residency.policy.loading import ahead, asked_for
from experts.residency.policy.traffic import Traffic, warm_set
from experts.residency.policy.values import Resident, Tier

sizes = st.integers(1, 100)
names = st.sampled_from("abcdefgh")


def tier(capacity: float, **residents: Resident) -> Tier:
    return Tier(capacity, dict(residents))


def group(
    model: str, oldest: float, *, ready: bool = False, count: int = 1, lead: float = 1.0
) -> Group:
    return Group(model, oldest, count, ready, 0.0 if ready else lead)


# Who is next.


def test_what_is_loaded_goes_before_what_is_not_until_that_is_due() -> None:
    groups = [group("old", 0.0), group("here", 5.0, ready=True), group("crowd", 6.0, count=9)]
    assert in_order(groups, due(groups, 7.0, 30.0)) == ("here", "crowd", "old")
    assert in_order(groups, due(groups, 29.0, 30.0)) == ("old", "here", "crowd")


def test_several_loads_in_a_row_are_thought_of_ahead() -> None:
    groups = [group("a", 0.0, lead=4.0), group("b", 1.0, lead=4.0), group("c", 1.0, lead=4.0)]
    # Loaded one after another from 18 on, the last begins at 30, one second before it must.
    assert due(groups, 18.0, 30.0) == ()
    assert due(groups, 19.0, 30.0) == ("a", "b", "c")
    assert min(due_moments(groups, 30.0)) == 19.0


@given(
    st.lists(
        st.builds(
            Group, names, st.floats(0, 100), st.integers(1, 9), st.booleans(), st.floats(0, 10)
        ),
        max_size=8,
        unique_by=lambda each: each.model,
    ),
    st.floats(0, 200),
    st.floats(0, 60),
)
def test_whoever_has_waited_as_long_as_may_be_is_first_and_nobody_is_lost(
    groups: list[Group], now: float, max_wait: float
) -> None:
    must = due(groups, now, max_wait)
    order = in_order(groups, must)
    assert sorted(order) == sorted(each.model for each in groups)
    assert order[: len(must)] == must
    overdue = {each.model for each in groups if each.oldest + max_wait <= now}
    assert overdue <= set(must)
    oldest = {each.model: each.oldest for each in groups}
    assert [oldest[model] for model in must] == sorted(oldest[model] for model in must)


# Who leaves.


def test_lru_takes_the_one_used_longest_ago() -> None:
    memory = tier(2, a=Resident(1, 5.0), b=Resident(1, 3.0))
    assert room(memory, 1, worth("lru", memory, {}, {}), ()) == ("b",)


def test_look_ahead_takes_what_nobody_waits_for_then_whoever_is_last() -> None:
    memory = tier(3, a=Resident(1, 9.0), b=Resident(1, 1.0), c=Resident(1, 5.0))
    worths = worth("look-ahead", memory, places(["b", "a"]), {})
    assert room(memory, 1, worths, ()) == ("c",)
    assert room(memory, 2, worths, ()) == ("c", "a")


def test_among_those_nobody_waits_for_the_least_dense_leaves() -> None:
    memory = tier(2, a=Resident(1, 1.0), b=Resident(1, 9.0))
    assert room(memory, 1, worth("look-ahead", memory, {}, {"a": 0.5, "b": 0.1}), ()) == ("b",)


def test_nobody_leaves_in_vain() -> None:
    memory = tier(10, small=Resident(1, 1.0), large=Resident(9, 2.0))
    assert room(memory, 9, worth("lru", memory, {}, {}), ()) == ("large",)


@given(
    st.dictionaries(names, st.tuples(sizes, st.floats(0, 100), st.booleans()), max_size=8),
    sizes,
    st.integers(0, 60),
    st.sets(names),
)
def test_room_is_enough_never_too_much_and_never_whoever_stays(
    held: dict[str, tuple[int, float, bool]], size: int, spare: int, stay: set[str]
) -> None:
    residents = {m: Resident(s, used, leaving=gone) for m, (s, used, gone) in held.items()}
    memory = Tier(sum(one.size for one in residents.values()) + spare, residents)
    victims = room(memory, size, worth("lru", memory, {}, {}), stay)
    free = spare + sum(one.size for one in residents.values() if one.leaving)
    movable = {m: one.size for m, one in residents.items() if m not in stay and not one.leaving}
    if victims is None:
        assert free + sum(movable.values()) < size
        return
    assert set(victims) <= set(movable)
    gained = sum(movable[victim] for victim in victims)
    assert free + gained >= size
    assert all(free + gained - movable[victim] < size for victim in victims)


# What is loaded.


def test_a_load_that_is_not_due_takes_nothing_from_those_in_use_or_asked_for() -> None:
    memory = tier(2, busy=Resident(1, 1.0, in_use=1), asked=Resident(1, 2.0))
    worths = worth("look-ahead", memory, places(["asked", "new"]), {})
    plan = asked_for(memory, ("asked", "new"), (), worths, lambda _: 1, (), lambda _: True)
    assert plan is None
    plan = asked_for(memory, ("new", "asked"), ("new",), worths, lambda _: 1, (), lambda _: True)
    assert plan is not None
    assert plan.victims == ("busy",)


def test_what_is_due_does_not_take_the_room_of_whose_turn_is_sooner() -> None:
    memory = tier(1, sooner=Resident(1, 1.0))
    worths = worth("look-ahead", memory, places(["sooner", "later"]), {})
    order = ("sooner", "later")
    assert asked_for(memory, order, order, worths, lambda _: 1, (), lambda _: True) is None


def test_what_would_make_something_late_is_not_loaded() -> None:
    memory = tier(1)
    assert asked_for(memory, ("a",), (), {}, lambda _: 1, (), lambda _: False) is None
    assert ahead(memory, (), {"a": 1.0}, {}, lambda _: 1, (), lambda _: False) is None


def test_ahead_takes_free_room_and_the_room_of_what_is_much_less_wanted() -> None:
    memory = tier(2, rare=Resident(1, 1.0))
    worths = worth("look-ahead", memory, {}, {"rare": 0.1})
    plan = ahead(memory, (), {"rare": 0.1, "hot": 0.5}, worths, lambda _: 1, (), lambda _: True)
    assert plan is not None
    assert (plan.model, plan.victims, plan.asked) == ("hot", (), False)
    memory.capacity = 1
    plan = ahead(memory, (), {"rare": 0.1, "hot": 0.5}, worths, lambda _: 1, (), lambda _: True)
    assert plan is not None
    assert plan.victims == ("rare",)
    assert (
        ahead(memory, (), {"rare": 0.3, "hot": 0.5}, worths, lambda _: 1, (), lambda _: True)
        is None
    )


# What traffic says.


def test_a_burst_does_not_overturn_the_long_view() -> None:
    traffic = Traffic(recent_seconds=60.0, window_seconds=3600.0)
    for second in range(3600):
        traffic.seen("steady", second, "prose")
    for second in range(3600, 3900):
        for model in ("law-1", "law-2", "law-3"):
            traffic.seen(model, second, "law")
    shares = traffic.shares(3900.0)
    warm = warm_set(shares, lambda _: 1, 2, ())
    assert "steady" in warm
    assert sum(shares.values()) == pytest.approx(1.0)


def test_models_of_todays_kinds_are_expected_and_others_are_not() -> None:
    traffic = Traffic(recent_seconds=10.0, window_seconds=1e6)
    for second in range(100):
        traffic.seen("law", second, "law")
    for second in range(100, 200):
        traffic.seen("code", second, "code")
    shares = traffic.shares(200.0)
    assert shares["code"] > 2 * shares["law"]


def test_the_routers_probabilities_count_for_more_than_its_choice() -> None:
    traffic = Traffic(60.0, 3600.0)
    traffic.seen("a", 0.0, "c", {"a": 0.6, "b": 0.4})
    assert traffic.shares(0.0) == pytest.approx({"a": 0.6, "b": 0.4})
    needs = traffic.needs(1.0)
    assert needs["a"] > needs["b"] == 0.0


def test_counts_survive_any_stretch_of_time() -> None:
    traffic = Traffic(1.0, 10.0)
    for moment in (0.0, 1.0, 1e4, 1e7, 1e9):
        traffic.seen("a", moment)
    shares = traffic.shares(1e9)
    assert shares == pytest.approx({"a": 1.0})
    assert all(math.isfinite(share) for share in shares.values())


@given(st.dictionaries(names, st.floats(0, 1), min_size=1), st.integers(0, 300), st.sets(names))
def test_a_warm_set_fits(densities: dict[str, float], capacity: int, there: set[str]) -> None:
    def size(model: str) -> int:
        return 10 + 7 * ord(model) % 50

    warm = warm_set(densities, size, capacity, there)
    assert sum(size(model) for model in warm) <= capacity
    assert set(warm) <= set(densities)
