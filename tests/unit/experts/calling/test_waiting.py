"""Waits, retry budgets and usual durations: bounds that hold whatever happens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from experts.calling.backoff import Backoff
from experts.calling.budget import RetryBudget
from experts.calling.percentile import Durations

seconds = st.floats(0.001, 100.0)


@given(first=seconds, longest=seconds, retry=st.integers(0, 10_000), chance=st.floats(0, 0.999))
def test_a_wait_is_between_nothing_and_the_bound_of_its_retry(
    first: float, longest: float, retry: int, chance: float
) -> None:
    backoff = Backoff(first, longest)
    wait = backoff.seconds(retry, chance)
    assert 0.0 <= wait <= min(longest, first * 2.0 ** min(retry, 60))
    assert wait <= backoff.seconds(retry + 1, chance)
    assert backoff.seconds(retry, 0.0) == 0.0


@given(
    events=st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=300),
    ratio=st.floats(0, 1),
    reserve=st.floats(0, 20),
    refill=st.floats(0, 2),
)
def test_retries_are_never_more_than_the_budget(
    events: list[tuple[float, bool]], ratio: float, reserve: float, refill: float
) -> None:
    budget = RetryBudget(ratio, reserve, refill)
    now, calls, retries = 0.0, 0, 0
    for wait, retry in events:
        now += wait
        if retry:
            retries += budget.take(now)
        else:
            budget.called()
            calls += 1
        assert retries <= reserve + ratio * calls + refill * now + 1e-6


def test_a_budget_that_is_used_up_fills_with_calls_and_with_time() -> None:
    budget = RetryBudget(ratio=0.5, reserve=2.0, refill=0.1)
    assert [budget.take(0.0) for _ in range(3)] == [True, True, False]
    budget.called()
    budget.called()
    assert [budget.take(0.0) for _ in range(2)] == [True, False]
    assert budget.take(10.0)
    assert not budget.take(10.0)


@given(st.lists(st.floats(0, 1000), min_size=20, max_size=400))
def test_most_durations_are_under_their_p95(found: list[float]) -> None:
    durations = Durations()
    for one in found[:19]:
        durations.note(one)
    assert durations.p95 is None
    for one in found[19:]:
        durations.note(one)
    assert durations.p95 is not None
    known = found[: len(found) // 10 * 10][-100:]
    assert sum(one <= durations.p95 for one in known) >= 0.95 * len(known)
    assert sum(one < durations.p95 for one in known) < 0.95 * len(known)
