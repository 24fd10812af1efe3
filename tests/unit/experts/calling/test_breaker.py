"""The breaker as a machine: what opens it, what does not, and how it comes back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from experts.calling.breaker import Breaker, BreakerSettings, State

SETTINGS = BreakerSettings(failures=3, volume=10, cool_down=30.0, longest_cool_down=120.0)


def breaker(**changed: float) -> Breaker:
    return Breaker(BreakerSettings(**{"failures": 3, "volume": 10, "cool_down": 30.0, **changed}))


def fail(one: Breaker, now: float, times: int = 3, origin: str | None = None) -> None:
    for _ in range(times):
        one.failed(now, now, "expert_failed", origin)


def test_failures_in_a_row_open_it_and_an_answer_ends_a_row() -> None:
    one = breaker()
    fail(one, 0.0, 2)
    one.succeeded(0.0, 0.0)
    fail(one, 0.0, 2)
    assert one.state(0.0) is State.CLOSED
    assert one.failed(0.0, 0.0, "expert_timeout")
    assert one.state(0.0) is State.OPEN
    assert one.reason == "expert_timeout"
    assert not one.admits(29.9)


def test_a_row_that_takes_too_long_is_none() -> None:
    one = breaker(row_seconds=600.0)
    for turn in range(20):
        one.failed(turn * 400.0, turn * 400.0, "expert_timeout")
    assert one.state(20 * 400.0) is State.CLOSED


def test_one_caller_alone_cannot_open_it_by_a_row() -> None:
    one = breaker()
    fail(one, 0.0, 9, "a")
    assert one.state(0.0) is State.CLOSED
    one.failed(0.0, 0.0, "expert_failed", "b")
    assert one.state(0.0) is State.OPEN


def test_a_share_of_failures_opens_it_once_there_are_enough_calls() -> None:
    one = breaker()
    for turn in range(5):
        one.succeeded(turn, turn, "a")
        one.failed(turn, turn, "expert_failed", "a")
        assert one.state(turn) is (State.OPEN if turn == 4 else State.CLOSED)
    # The same over a longer time than the window is no share worth speaking of.
    other = breaker(window=60.0)
    for turn in range(40):
        now = turn * 20.0
        (other.failed(now, now, "x", "a") if turn % 2 else other.succeeded(now, now, "a"))
    assert other.state(800.0) is State.CLOSED


def test_one_caller_cannot_open_it_by_a_share_while_others_are_answered() -> None:
    one = breaker()
    for turn in range(100):
        one.failed(turn / 10, turn / 10, "expert_failed", "bad")
        one.succeeded(turn / 10, turn / 10, ("good", "other")[turn % 2])
    for _ in range(100):
        one.failed(10.0, 10.0, "expert_failed", "bad")
    one.succeeded(10.0, 10.0, "good")
    assert one.state(10.0) is State.CLOSED
    opened = False
    for _ in range(150):
        opened |= one.failed(10.0, 10.0, "expert_failed", "good")
        opened |= one.failed(10.0, 10.0, "expert_failed", "good")
        one.succeeded(10.0, 10.0, "other")
    assert opened


def test_callers_beyond_those_told_apart_count_together() -> None:
    one = breaker(volume=1000)
    for number in range(300):
        one.succeeded(0.0, 0.0, f"t{number}")
    assert one._window is not None
    assert sum(len(bucket) for bucket in one._window._buckets) <= 65


def test_slow_calls_open_it() -> None:
    one = breaker()
    for _ in range(9):
        one.succeeded(0.0, 1.0, slow=True)
    assert one.state(1.0) is State.CLOSED
    assert one.succeeded(0.0, 1.0, slow=True)
    assert (one.state(1.0), one.reason) == (State.OPEN, "slow")


def test_half_open_lets_one_through_and_an_answer_closes_it() -> None:
    one = breaker()
    fail(one, 0.0)
    assert one.state(30.0) is State.HALF_OPEN
    assert one.admits(30.0)
    one.begin(30.0)
    assert not one.admits(30.0)
    assert one.succeeded(30.0, 31.0)
    assert one.state(31.0) is State.CLOSED
    fail(one, 31.0, 2)
    assert one.state(31.0) is State.CLOSED


def test_a_probe_that_fails_doubles_the_wait_up_to_a_bound() -> None:
    one = Breaker(SETTINGS)
    fail(one, 0.0)
    now, waits = 0.0, []
    for _ in range(4):
        waits.append(one.until - now)
        now = one.until
        one.begin(now)
        assert one.failed(now, now, "expert_failed", "a")
    assert waits == [30.0, 60.0, 120.0, 120.0]
    one.close()
    fail(one, now)
    assert one.until == now + 30.0


def test_a_probe_that_is_left_or_never_heard_of_again_makes_room_for_another() -> None:
    one = breaker()
    fail(one, 0.0)
    one.begin(30.0)
    one.left(30.0)
    assert one.admits(30.0)
    one.begin(30.0)
    assert not one.admits(59.9)
    assert one.admits(60.0)


def test_what_began_before_it_opened_says_nothing() -> None:
    one = breaker()
    fail(one, 10.0)
    assert not one.succeeded(9.0, 50.0)
    assert not one.failed(9.0, 50.0, "expert_failed")
    assert one.state(50.0) is State.HALF_OPEN
    # Who was asked although it is down counts: nobody else was there.
    assert one.succeeded(11.0, 12.0)
    assert one.state(12.0) is State.CLOSED


@settings(max_examples=60)
@given(
    outcomes=st.lists(st.booleans(), max_size=200),
    volume=st.integers(2, 20),
    rate=st.floats(0.2, 0.9),
)
def test_it_is_never_open_below_volume_or_rate(
    outcomes: list[bool], volume: int, rate: float
) -> None:
    """One caller, one moment: the share is that of all calls since it was last closed."""
    one = Breaker(BreakerSettings(volume=volume, failure_rate=rate))
    failed = 0
    for number, answered in enumerate(outcomes, start=1):
        if answered:
            one.succeeded(0.0, 0.0, "a")
        else:
            failed += 1
            one.failed(0.0, 0.0, "x", "a")
        enough = number >= volume and failed >= rate * number
        assert (one.state(0.0) is State.OPEN) == (enough and not answered)
        if one.state(0.0) is State.OPEN:
            return


class Machine(RuleBasedStateMachine):
    """Any order of calls, endings and waits."""

    @initialize(probes=st.integers(1, 3))
    def start(self, probes: int) -> None:
        self.breaker = Breaker(BreakerSettings(probes=probes, cool_down=30.0))
        self.now = 1000.0
        self.calls: list[float] = []
        self.probing: list[float] = []

    @rule(seconds=st.sampled_from([0.0, 0.5, 7.0, 31.0, 500.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def call(self) -> None:
        if not self.breaker.admits(self.now):
            return
        if self.breaker.state(self.now) is State.HALF_OPEN:
            running = [at for at in self.probing if self.now - at < 30.0]
            assert len(running) < self.breaker.settings.probes
            self.probing.append(self.now)
        self.breaker.begin(self.now)
        self.calls.append(self.now)

    @rule(pick=st.integers(0, 1000), how=st.sampled_from(["ok", "slow", "fail", "left"]),
          origin=st.sampled_from([None, "a", "b"]))  # fmt: skip
    def end(self, pick: int, how: str, origin: str | None) -> None:
        if not self.calls:
            return
        began = self.calls.pop(pick % len(self.calls))
        if began in self.probing:
            self.probing.remove(began)
        before = self.breaker.state(self.now)
        if how in {"ok", "slow"}:
            self.breaker.succeeded(began, self.now, slow=how == "slow")
        elif how == "fail":
            self.breaker.failed(began, self.now, "x", origin)
        else:
            self.breaker.left(began)
            assert self.breaker.state(self.now) is before
        if self.breaker.state(self.now) is State.CLOSED:
            self.probing.clear()

    @invariant()
    def states_agree(self) -> None:
        one = getattr(self, "breaker", None)
        if one is None:
            return
        state = one.state(self.now)
        assert one.admits(self.now) or state is not State.CLOSED
        if state is State.OPEN:
            assert not one.admits(self.now)
            assert 0 < one.until - self.now <= one.settings.longest_cool_down
        if state is not State.CLOSED:
            assert one.reason


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
