"""Decisions: who is next, who leaves, what is loaded ahead."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.residency.policy.eviction import Worth, leavers, room, worth
from experts.residency.policy.grouping import NOBODY, Turns, by_yield, turns_of
from experts.residency.policy.loading import ahead, asked_for, due
from experts.residency.policy.traffic import Traffic, warm_set
from experts.residency.policy.values import Resident, Tier

sizes = st.integers(1, 100)
names = st.sampled_from("abcdefgh")


def tier(capacity: float, **residents: Resident) -> Tier:
    return Tier(capacity, dict(residents))


# Who is next.


def turns(ages: dict[str, float], here: dict[str, float], now: float, load: float = 1.0) -> Turns:
    rising = sorted((oldest, model) for model, oldest in ages.items())
    return turns_of(rising, here, dict.fromkeys(ages, load), 0.0, now, 30.0)


def test_what_is_loaded_goes_before_what_is_not_until_that_is_due() -> None:
    ages = {"old": 0.0, "here": 5.0, "crowd": 6.0}
    early = turns(ages, {"here": 0.0}, 7.0)
    assert (early.due, early.here, early.away) == ((), ("here",), ("old", "crowd"))
    late = turns(ages, {"here": 0.0}, 29.0)
    assert (late.due, late.here, late.away) == (("old",), ("here",), ("crowd",))


def test_the_most_requests_for_the_time_of_a_load_are_loaded_for_first() -> None:
    counts = {"old": 1, "crowd": 9, "slow": 10}
    loads = {"old": 1.0, "crowd": 1.0, "slow": 5.0}
    assert by_yield(list(counts), counts.__getitem__, loads) == ["crowd", "slow", "old"]


def test_several_loads_in_a_row_are_thought_of_ahead() -> None:
    ages = {"a": 0.0, "b": 1.0, "c": 1.0}
    # Loaded one after another from 18 on, the last begins at 30, one second before it must.
    early = turns(ages, {}, 18.0, load=4.0)
    assert (early.due, early.due_at, early.wake_at) == ((), 19.0, 19.0)
    assert turns(ages, {}, 19.0, load=4.0).due == ("a", "b", "c")


@given(
    st.dictionaries(
        names, st.tuples(st.floats(0, 100), st.booleans(), st.floats(0, 10)), max_size=8
    ),
    st.floats(0, 200),
    st.floats(0, 60),
    st.floats(0, 5),
)
def test_whoever_has_waited_as_long_as_may_be_is_first_and_nobody_is_lost(
    groups: dict[str, tuple[float, bool, float]], now: float, max_wait: float, before: float
) -> None:
    ages = sorted((oldest, model) for model, (oldest, _, _) in groups.items())
    here = {model: lead for model, (_, ready, lead) in groups.items() if ready}
    loads = {model: lead for model, (_, _, lead) in groups.items()}
    found = turns_of(ages, here, loads, before, now, max_wait)
    everybody = (*found.due, *found.here, *found.away)
    assert sorted(everybody) == sorted(groups)
    overdue = {model for oldest, model in ages if oldest + max_wait <= now}
    assert overdue <= set(found.due)
    assert list(found.due) == [model for _, model in ages[: len(found.due)]]
    assert set(found.here) <= set(here)
    assert not set(found.away) & set(here)
    assert found.wake_at > now
    # Until it says, nothing else is due; and then something is.
    between = (now + min(found.wake_at, 1e9)) / 2
    assert found == turns_of(ages, here, loads, before, between, max_wait)
    if found.wake_at < math.inf:
        after = turns_of(ages, here, loads, before, found.wake_at, max_wait)
        assert len(after.due) > len(found.due)


# Who leaves.


def by_use(memory: Tier) -> Worth:
    return worth("lru", memory, NOBODY, lambda _: 0.0)


def by_place(memory: Tier, *order: str, **densities: float) -> Worth:
    waiting = Turns((), order, (), math.inf, math.inf)
    return worth("look-ahead", memory, waiting, lambda model: densities.get(model, 0.0))


def test_lru_takes_the_one_used_longest_ago() -> None:
    memory = tier(2, a=Resident(1, 5.0), b=Resident(1, 3.0))
    assert leavers(memory, by_use(memory), ()) == ["b", "a"]


def test_look_ahead_takes_what_nobody_waits_for_then_whoever_is_last() -> None:
    memory = tier(3, a=Resident(1, 9.0), b=Resident(1, 1.0), c=Resident(1, 5.0))
    assert leavers(memory, by_place(memory, "b", "a"), ()) == ["c", "a", "b"]


def test_among_those_nobody_waits_for_the_least_dense_leaves() -> None:
    memory = tier(2, a=Resident(1, 1.0), b=Resident(1, 9.0))
    assert leavers(memory, by_place(memory, a=0.5, b=0.1), ()) == ["b", "a"]


def test_nobody_leaves_in_vain() -> None:
    memory = tier(10, small=Resident(1, 1.0), large=Resident(9, 2.0))
    assert room(memory, 9, ["small", "large"]) == ("large",)


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
    victims = room(memory, size, leavers(memory, by_use(memory), stay))
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


def one_byte(_: str) -> int:
    return 1


def always(_: str) -> bool:
    return True


def test_a_load_takes_only_of_what_may_go_unless_it_is_due() -> None:
    memory = tier(2, busy=Resident(1, 1.0, in_use=1), asked=Resident(1, 2.0))
    order = by_place(memory, "asked")
    assert asked_for(memory, ("new",), order, one_byte, {"busy", "asked"}, always) is None
    plan = due(memory, "new", (), order, one_byte, ())
    assert plan is not None
    assert plan.victims == ("busy",)


def test_what_is_due_does_not_take_the_room_of_whose_turn_is_sooner() -> None:
    memory = tier(1, sooner=Resident(1, 1.0))
    assert due(memory, "later", ("sooner",), by_place(memory, "sooner"), one_byte, ()) is None


def test_the_first_that_fits_is_loaded() -> None:
    memory = tier(5, here=Resident(2, 1.0))
    sizes = {"huge": 6, "large": 5, "small": 3}
    plan = asked_for(memory, sizes, by_place(memory), sizes.__getitem__, {"here"}, always)
    assert plan is not None
    assert (plan.model, plan.victims) == ("small", ())


def test_what_would_make_something_late_is_not_loaded() -> None:
    memory = tier(1)
    assert asked_for(memory, ("a",), by_use(memory), one_byte, (), lambda _: False) is None
    assert ahead(memory, {"a": 1.0}, by_use(memory), one_byte, (), lambda _: False) is None


def test_ahead_takes_free_room_and_the_room_of_what_is_much_less_wanted() -> None:
    memory = tier(2, rare=Resident(1, 1.0))
    rarely = by_place(memory, rare=0.1)
    plan = ahead(memory, {"rare": 0.1, "hot": 0.5}, rarely, one_byte, (), always)
    assert plan is not None
    assert (plan.model, plan.victims, plan.asked) == ("hot", (), False)
    memory.capacity = 1
    plan = ahead(memory, {"rare": 0.1, "hot": 0.5}, rarely, one_byte, (), always)
    assert plan is not None
    assert plan.victims == ("rare",)
    assert ahead(memory, {"rare": 0.3, "hot": 0.5}, rarely, one_byte, (), always) is None


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
    assert traffic.need("a", 1.0) > traffic.need("b", 1.0) == 0.0


def test_kinds_that_the_router_thought_likely_raise_the_models_that_answer_them() -> None:
    plain, told = Traffic(60.0, 3600.0), Traffic(60.0, 3600.0)
    for traffic in (plain, told):
        traffic.seen("lawyer", 0.0, "law")
        traffic.seen("coder", 0.0, "code")
    for second in range(1, 30):
        plain.seen("coder", second, "code")
        told.seen("coder", second, "code", likely={"code": 0.6, "law": 0.3, "never asked": 0.1})
    assert told.shares(30.0)["lawyer"] > 3 * plain.shares(30.0)["lawyer"]
    assert sum(told.shares(30.0).values()) == pytest.approx(1.0)
    assert set(told.shares(30.0)) == {"lawyer", "coder"}


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
