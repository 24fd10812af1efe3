"""The scheduler among events in any order: nothing is forgotten, nothing is done twice."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from experts.residency.actions import Evict, Load, Start
from experts.residency.policy.values import Model, Rules
from experts.residency.scheduler import Scheduler

SIZES = {"a": 1, "b": 2, "c": 3, "d": 4}
CAPACITY = 5


class World:
    """Carries out what the scheduler says, at whatever pace and with whatever luck."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.now = 0.0
        self.waiting: dict[int, str] = {}
        self.answering: list[str] = []
        self.loading: list[str] = []
        self.evicting: list[str] = []
        self.ends: Counter[str] = Counter()
        self.serial = 0

    def arrive(self, model: str) -> None:
        self.waiting[self.serial] = model
        self.scheduler.arrived(self.serial, model, self.now)
        self.serial += 1
        self.step()

    def go_away(self, which: int) -> None:
        if self.waiting:
            request = sorted(self.waiting)[which % len(self.waiting)]
            self.scheduler.gone(request, self.waiting.pop(request))
            self.ends["gone"] += 1
            self.step()

    def finish(self, which: int) -> None:
        if self.answering:
            model = self.answering.pop(which % len(self.answering))
            self.scheduler.finished(model, self.now, 1.0)
            self.ends["answered"] += 1
            self.step()

    def load(self, *, well: bool, grown: int = 0) -> None:
        if self.loading:
            model = self.loading.pop()
            if well:
                self.scheduler.was_loaded(model, self.now, 1.0, SIZES[model] + grown)
            else:
                for request in self.scheduler.was_not_loaded(model):
                    del self.waiting[request]
                    self.ends["failed"] += 1
            self.step()

    def evict(self) -> None:
        if self.evicting:
            self.scheduler.was_evicted(self.evicting.pop())
            self.step()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.step()

    def step(self) -> None:
        while actions := self.scheduler.actions(self.now):
            for action in actions:
                if isinstance(action, Start):
                    assert self.waiting.pop(action.request) == action.model
                    self.answering.append(action.model)
                elif isinstance(action, Load):
                    assert not self.loading, "one at a time"
                    assert self.scheduler.loaded.free >= 0
                    self.loading.append(action.model)
                else:
                    assert isinstance(action, Evict)
                    assert action.model not in self.answering
                    assert action.model not in self.evicting
                    self.evicting.append(action.model)


events = st.one_of(
    st.tuples(st.just("arrive"), st.sampled_from("abcd")),
    st.tuples(st.just("go_away"), st.integers(0, 9)),
    st.tuples(st.just("finish"), st.integers(0, 9)),
    st.tuples(st.just("load"), st.sampled_from([-1, 0, 0, 1])),
    st.tuples(st.just("evict"), st.just(0)),
    st.tuples(st.just("pass_time"), st.floats(0, 20)),
)


@settings(max_examples=200)
@given(
    st.lists(events, max_size=40),
    st.sampled_from(["grouped", "fcfs"]),
    st.sampled_from([1, 2]),
    st.sampled_from([0.0, 2.0]),
)
def test_whatever_happens_everybody_gets_an_end(
    happenings: list[tuple[str, object]], order: str, lanes: int, prefetch: float
) -> None:
    rules = Rules(CAPACITY, max_wait=10.0, slots=2, lanes=lanes, prefetch=prefetch, order=order)  # type: ignore[arg-type]
    world = World(Scheduler(rules, (Model(name, size) for name, size in SIZES.items())))
    for kind, value in happenings:
        if kind == "load":
            assert isinstance(value, int)
            world.load(well=value >= 0, grown=max(value, 0))
        elif kind == "evict":
            world.evict()
        else:
            getattr(world, kind)(value)
    for _ in range(4 * world.serial + 8):
        world.evict()
        world.load(well=True)
        world.finish(0)
        world.pass_time(1.0)
    assert not world.waiting
    assert not world.answering
    assert sum(world.ends.values()) == world.serial


def test_who_is_due_makes_a_busy_model_stop_taking_more() -> None:
    scheduler = Scheduler(
        Rules(1, max_wait=10.0, slots=2, prefetch=2.0), [Model("busy", 1), Model("rare", 1)]
    )
    scheduler.is_there("busy", 0.0)
    scheduler.arrived(0, "busy", 0.0)
    assert scheduler.actions(0.0) == [Start(0, "busy")]
    scheduler.arrived(1, "rare", 1.0)
    scheduler.arrived(2, "busy", 2.0)
    assert scheduler.actions(2.0) == [Start(2, "busy")], "there is time yet"
    scheduler.finished("busy", 4.0, 4.0)
    # An answer took 4 s, and may take a quarter more; a load takes 1.
    assert scheduler.wake_at(4.0) == 1.0 + 10.0 - 5.0 - 1.0
    scheduler.arrived(3, "busy", 5.0)
    assert scheduler.actions(5.0) == []
    scheduler.finished("busy", 6.0, 4.0)
    assert scheduler.actions(6.0) == [Evict("busy")]
    scheduler.was_evicted("busy")
    assert scheduler.actions(6.0) == [Load("rare", False, True)]
    scheduler.was_loaded("rare", 7.0, 1.0)
    assert scheduler.actions(7.0)[0] == Start(1, "rare")


def test_what_waits_goes_before_what_is_only_likely() -> None:
    scheduler = Scheduler(Rules(2, prefetch=0.0), [Model(name, 1) for name in "abc"])
    for number, name in enumerate("ab"):
        scheduler.is_there(name, 0.0)
        scheduler.arrived(number, name, 0.0)
    scheduler.actions(0.0)
    scheduler.arrived(2, "c", 1.0)
    scheduler.gone(2, "c")
    scheduler.finished("a", 2.0, 1.0)
    scheduler.arrived(3, "c", 2.0)
    assert scheduler.actions(2.0) == [Evict("a")]
    scheduler.was_evicted("a")
    assert scheduler.actions(2.0) == [Load("c", False, True)]


def test_what_is_likely_is_loaded_while_an_answer_is_produced() -> None:
    scheduler = Scheduler(Rules(3, prefetch=0.05), [Model(name, 1) for name in "abc"])
    for model in "ab":
        scheduler.is_there(model, 0.0)
    # The router thinks that half of what comes is law, which c answered when it was last asked for.
    scheduler.arrived(0, "c", 0.0, category="law")
    scheduler.gone(0, "c")
    scheduler.arrived(1, "a", 60.0, category="prose", likely={"prose": 0.5, "law": 0.5})
    assert scheduler.actions(60.0) == [Start(1, "a"), Load("c", False, False)]


def test_what_the_memory_has_no_room_for_is_not_loaded_ahead_in_place_of_what_answers() -> None:
    scheduler = Scheduler(Rules(1, prefetch=0.05), [Model(name, 1) for name in "ac"])
    scheduler.is_there("a", 0.0)
    scheduler.arrived(0, "c", 0.0, category="law")
    scheduler.gone(0, "c")
    scheduler.arrived(1, "a", 60.0, category="prose", likely={"law": 1.0})
    assert scheduler.actions(60.0) == [Start(1, "a")]
