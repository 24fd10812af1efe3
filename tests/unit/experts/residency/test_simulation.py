"""Simulations: what holds at every moment, what comes out at best, and what is gained."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.residency.actions import Evict, Load, Start
from experts.residency.policy.values import Eviction, Model, Order, Rules
from experts.residency.scheduler import Scheduler
from experts.residency.simulation.joint import World
from experts.residency.simulation.machine import GB, MACHINES, Machine
from experts.residency.simulation.optimum import Use, fewest_loads, in_order
from experts.residency.simulation.simulate import ModelTooLarge, Outcome, Simulation, rules_for
from experts.residency.simulation.summary import SCHEDULES, compare, summarise
from experts.residency.simulation.trace import (
    Request,
    Shape,
    TraceInvalid,
    generate,
    read,
    spread,
    write,
)

SIZE = 4 * GB
TWO_OF_SIX = Machine(
    "two-of-six", 2 * SIZE, 4 * GB, prompt_rate=2000, output_rate=60, lanes=2, slots=4
)


def simulated(
    trace: list[Request],
    machine: Machine = TWO_OF_SIX,
    sizes: dict[str, int] | None = None,
    **rules: object,
) -> Outcome:
    sizes = sizes or {one.answers: SIZE for one in trace}
    return Simulation(trace, sizes, machine, rules_for(machine, **rules)).run()


requests = st.lists(
    st.builds(
        Request,
        at=st.floats(0, 200),
        expert=st.sampled_from("abcdef"),
        prompt_tokens=st.just(0),
        output_tokens=st.integers(1, 600),
    ),
    min_size=1,
    max_size=60,
).map(lambda trace: sorted(trace, key=lambda one: one.at))
some_sizes = st.fixed_dictionaries({name: st.integers(1, 6) for name in "abcdef"})
schedules = st.sampled_from(SCHEDULES)


class Watched(Scheduler):
    """Looks at every action: the budget is kept, and nothing in use is taken out."""

    def actions(self, now: float) -> list[Start | Load | Evict]:
        found = super().actions(now)
        assert self.loaded.used <= self.loaded.capacity
        for action in found:
            one = self.loaded.residents[action.model]
            if isinstance(action, Evict):
                assert not one.in_use
                assert action.model not in self.rules.pinned
            if isinstance(action, Start):
                assert one.ready
                assert not one.leaving
                assert 1 <= one.in_use <= self.rules.slots
        assert sum(1 for one in self.loaded.residents.values() if one.in_use) <= self.rules.lanes
        return found


@settings(max_examples=100)
@given(
    requests,
    some_sizes,
    schedules,
    st.floats(0, 40),
    st.sampled_from([1, 2]),
    st.sampled_from([0.0, 2.0]),
)
def test_whatever_comes_all_is_answered_within_the_budget(
    trace: list[Request],
    sizes: dict[str, int],
    schedule: tuple[Order, Eviction],
    max_wait: float,
    lanes: int,
    ahead: float,
) -> None:
    order, eviction = schedule
    machine = Machine("m", 10, 2, mapped=12, map_bandwidth=1, lanes=lanes, slots=2)
    rules = rules_for(machine, order=order, eviction=eviction, max_wait=max_wait, prefetch=ahead)
    simulation = Simulation(trace, sizes, machine, rules)
    simulation._scheduler = Watched(
        rules,
        (
            Model(name, size, machine.load_seconds(size, mapped=False))
            for name, size in sizes.items()
        ),
    )
    outcome = simulation.run()
    assert len(outcome.uses) == len(trace)
    assert all(wait >= 0 for wait in outcome.waits)
    assert outcome.most_bytes <= machine.loaded
    assert outcome.loads >= fewest_loads(outcome.uses, sizes, machine.loaded)


@settings(max_examples=60)
@given(requests, st.floats(0, 40))
def test_nobody_is_overtaken_once_he_has_waited_as_long_as_may_be(
    trace: list[Request], max_wait: float
) -> None:
    # One model in memory and one lane, so that whoever is served keeps all others waiting.
    machine = Machine("m", 1, 0.5, lanes=1, slots=1)
    outcome = simulated(trace, machine, dict.fromkeys("abcdef", 1), max_wait=max_wait, prefetch=2.0)
    starts = [one.at + wait for one, wait in zip(trace, outcome.waits, strict=True)]
    for mine, his in product(range(len(trace)), repeat=2):
        later = trace[his].at > trace[mine].at and trace[his].answers != trace[mine].answers
        if later and starts[his] > trace[mine].at + max_wait:
            assert starts[his] >= starts[mine]


@settings(max_examples=60)
@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=60))
def test_with_everything_known_look_ahead_is_belady_and_so_never_loads_more_than_lru(
    uses: list[str],
) -> None:
    trace = [Request(at=0.0, expert=expert, output_tokens=60) for expert in uses]
    machine = replace(TWO_OF_SIX, lanes=1, slots=1)
    lru = simulated(trace, machine, order="fcfs", eviction="lru")
    look = simulated(trace, machine, order="fcfs", eviction="look-ahead")
    assert [use.model for use in look.uses] == [use.model for use in lru.uses]
    assert look.loads == fewest_loads(look.uses, dict.fromkeys("abcdef", SIZE), 2 * SIZE)
    assert look.loads <= lru.loads


def by_trying_all(uses: list[Use], sizes: dict[str, int], capacity: int) -> int:
    """Return the fewest loads by trying every eviction."""
    states = {frozenset[str](): 0}
    for place, use in enumerate(uses):
        busy = {one.model for one in uses[:place] if one.ends > use.begins} | {use.model}
        after: dict[frozenset[str], int] = {}
        for held, loads in states.items():
            others = sorted(held - busy)
            for keep in product((False, True), repeat=len(others)):
                kept = frozenset(o for o, k in zip(others, keep, strict=True) if k) | busy
                if sum(sizes[one] for one in kept) <= capacity:
                    cost = loads + (use.model not in held)
                    after[kept] = min(after.get(kept, cost), cost)
        states = after
    return min(states.values())


def fitting(uses: list[tuple[str, int]], sizes: dict[str, int], capacity: int) -> list[Use]:
    """Return answers that begin one after the other and take their time, where all fits."""
    found: list[Use] = []
    for place, (model, seconds) in enumerate(uses):
        busy = {one.model for one in found if one.ends > place} | {model}
        if sum(sizes[each] for each in busy) <= capacity:
            found.append(Use(model, float(place), float(place + seconds)))
    return found


some_uses = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 4)), min_size=1, max_size=10)


@given(some_uses, st.integers(1, 4))
def test_the_optimum_is_exact_for_one_size(drawn: list[tuple[str, int]], places: int) -> None:
    sizes = dict.fromkeys("abcd", 3)
    uses = fitting(drawn, sizes, 3 * places)
    assert fewest_loads(uses, sizes, 3 * places) == by_trying_all(uses, sizes, 3 * places)
    assert fewest_loads([], sizes, 3 * places) == 0


@given(some_uses, st.fixed_dictionaries({name: st.integers(1, 5) for name in "abcd"}))
def test_the_optimum_is_a_bound_for_several_sizes(
    drawn: list[tuple[str, int]], sizes: dict[str, int]
) -> None:
    uses = fitting(drawn, sizes, 7)
    least = fewest_loads(uses, sizes, 7)
    assert len({use.model for use in uses}) <= least <= by_trying_all(uses, sizes, 7)
    assert fewest_loads(in_order([use.model for use in uses]), sizes, 7) <= by_trying_all(
        uses, sizes, 7
    )


@pytest.mark.parametrize("seed", range(3))
def test_grouping_for_two_of_six_loads_a_third_and_keeps_its_bound(seed: int) -> None:
    trace = generate(Shape(experts=6, requests=500, rate=4.0, seed=seed))
    plain = simulated(trace, order="fcfs", eviction="lru")
    grouped = simulated(trace, max_wait=60.0)
    assert grouped.loads * 3 <= plain.loads
    assert max(grouped.waits) <= 60.0
    assert grouped.ends <= plain.ends


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("order", ["fcfs", "grouped"])
def test_look_ahead_is_within_a_tenth_of_beladys_optimum(seed: int, order: Order) -> None:
    trace = generate(Shape(experts=6, requests=500, rate=4.0, seed=seed))
    sizes = dict.fromkeys((one.answers for one in trace), SIZE)
    look = simulated(trace, order=order, max_wait=60.0)
    assert look.loads <= 1.1 * fewest_loads(look.uses, sizes, TWO_OF_SIX.loaded)


def small_case(seed: int) -> tuple[list[Request], list[list[int]]]:
    """Return a trace of whole seconds over three models, and its arrivals by model."""
    dice = random.Random(seed)  # noqa: S311 (nothing secret)
    trace = [
        Request(at=float(at), expert=dice.choice("abc"), prompt_tokens=0, output_tokens=1)
        for at in sorted(dice.randrange(10) for _ in range(7))
    ]
    return trace, [[int(one.at) for one in trace if one.answers == name] for name in "abc"]


@pytest.mark.parametrize("seed", range(6))
def test_no_schedule_beats_the_best_of_all_orders(seed: int) -> None:
    trace, arrivals = small_case(seed)
    machine = Machine("small", 2, 0.5, prompt_rate=1, output_rate=1, lanes=1, slots=1)
    for order, eviction in SCHEDULES:
        sizes = dict.fromkeys("abc", 1)
        rules = {"order": order, "eviction": eviction, "max_wait": 6.0, "prefetch": 2.0}
        outcome = simulated(trace, machine, sizes, **rules)
        in_time = World(arrivals, places=2, load=2, max_wait=math.ceil(max(outcome.waits)))
        found = in_time.fewest()
        assert found is not None
        assert found <= (outcome.loads, round(sum(outcome.waits)))


def test_the_best_of_all_orders_where_it_is_plain() -> None:
    everything_fits = World([[0, 5], [1, 6]], places=2, load=2, max_wait=4)
    assert everything_fits.fewest() == (2, 2 + 3)
    taking_turns = [[0, 4], [0, 4]]
    assert World(taking_turns, places=1, load=1, max_wait=20).fewest() == (2, 1 + 0 + 6 + 3)
    assert World(taking_turns, places=1, load=1, max_wait=3).fewest() == (3, 1 + 3 + 0 + 2)
    assert World([[0], [0]], places=1, load=3, max_wait=3).fewest() is None


def test_with_little_to_know_look_ahead_does_not_do_worse_than_lru() -> None:
    trace = generate(Shape(experts=60, requests=800, rate=0.5, categories=6))
    machine = replace(TWO_OF_SIX, loaded=10 * SIZE)
    lru = simulated(trace, machine, eviction="lru", prefetch=2.0)
    look = simulated(trace, machine, eviction="look-ahead", prefetch=2.0)
    assert look.loads <= lru.loads


def test_switching_gains_of_the_papers_machines() -> None:
    trace = generate(Shape(experts=150, requests=400, rate=5.0, categories=10, output_tokens=20))
    sizes = dict.fromkeys((one.answers for one in trace), int(13.5 * GB))
    machines = [MACHINES[name] for name in ("sn40l", "dgx-a100", "dgx-h100")]
    runs = compare(
        trace, sizes, machines, max_wait=30.0, ahead=0.05, warm=True, schedules=SCHEDULES[-1:]
    )
    found = {run["machine"]: run for run in summarise(runs, sizes, 30.0)["runs"]}
    gains = [
        found[name]["seconds_per_load"] / found["sn40l"]["seconds_per_load"]
        for name in ("dgx-h100", "dgx-a100")
    ]
    assert gains == pytest.approx([15.6, 31.3], abs=0.1)


def test_a_model_that_fits_nowhere_is_named() -> None:
    with pytest.raises(ModelTooLarge, match="'a'"):
        simulated([Request(at=0.0, expert="a")], sizes={"a": 99 * SIZE})


def test_what_was_in_the_tier_below_is_not_read_from_disk() -> None:
    machine = Machine("m", loaded=10, load_bandwidth=10, mapped=20, map_bandwidth=1)
    trace = [Request(at=at, expert=name) for at, name in ((0, "a"), (100, "b"), (200, "a"))]
    rules = rules_for(machine, prefetch=2.0)
    sizes = {"a": 10, "b": 10}
    cold = Simulation(trace, sizes, machine, rules).run()
    assert cold.load_seconds == pytest.approx(11 + 11 + 1)
    warm = Simulation(trace, sizes, machine, rules, warm=True).run()
    assert warm.load_seconds == pytest.approx(3)


def test_pinned_models_stay() -> None:
    rules = Rules(2.0, pinned=frozenset("a"), prefetch=2.0)
    scheduler = Scheduler(rules, [Model(name, 1) for name in "abc"])
    scheduler.is_there("a", 0.0)
    scheduler.is_there("c", 1.0)
    scheduler.arrived(0, "b", 2.0)
    assert scheduler.actions(1e6) == [Evict("c")], "though it was used later"


# Traces.


def test_traces_are_read_as_written_and_the_same_seed_gives_the_same(tmp_path: Path) -> None:
    trace = generate(Shape(requests=50))
    assert trace == generate(Shape(requests=50))
    assert trace != generate(Shape(requests=50, seed=1))
    assert [one.at for one in trace] == sorted(one.at for one in trace)
    write(tmp_path / "t.jsonl", trace)
    assert read(tmp_path / "t.jsonl") == trace


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2"),
        ('{"at": 0}', "give 'expert'"),
        ('{"at": -1, "expert": "a"}', "'at'"),
        ('{"at": 0, "expert": "a", "output_tokens": -1}', "tokens"),
        ('{"at": 0, "probabilities": {"a": 2}}', "'probabilities'"),
        ('{"at": 0, "expert": "a", "token": 1}', "token"),
    ],
)
def test_lines_that_are_no_request_are_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"at": 0, "expert": "a"}\n' + line + "\n")
    with pytest.raises(TraceInvalid, match=reason):
        read(path)


def test_a_trace_without_requests_is_none(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("\n")
    with pytest.raises(TraceInvalid, match="no request"):
        read(tmp_path / "t.jsonl")


def test_requests_that_name_nobody_are_spread_over_experts_of_their_category() -> None:
    trace = [Request(at=float(n), category="ab"[n % 2]) for n in range(200)]
    spread_out = spread(trace, 10, 1.0, 0)
    by = {c: {one.answers for one in spread_out if one.category == c} for c in "ab"}
    assert not by["a"] & by["b"]
    assert len(by["a"]) == len(by["b"]) == 5
    assert Request(at=0.0, probabilities={"x": 0.2, "y": 0.8}).answers == "y"
    with pytest.raises(TraceInvalid, match="2 categories"):
        spread(trace, 1, 1.0, 0)
