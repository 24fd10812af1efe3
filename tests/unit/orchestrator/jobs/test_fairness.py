from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.jobs.fairness import Turns, Waiting

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def waiting(tenant: str, job: str = "job", priority: int = 0, age: int = 0) -> Waiting:
    return Waiting(job, "expert", tenant, priority, NOW - timedelta(seconds=age))


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 10.0), min_size=2, max_size=6),
    st.integers(1, 64),
)
def test_tenants_that_always_want_more_get_their_shares(
    weights: dict[str, float], chunk: int
) -> None:
    turns = Turns(weights)
    turns.enter(weights)
    had: Counter[str] = Counter()
    for _ in range(400):
        chosen = turns.next([waiting(tenant) for tenant in weights])
        assert chosen is not None
        turns.had(chosen.tenant, chunk)
        had[chosen.tenant] += chunk
        # Nobody is ahead of anybody by more than one turn of the lighter of the two.
        passed = [had[tenant] / weight for tenant, weight in weights.items()]
        assert max(passed) - min(passed) <= chunk / min(weights.values()) + 1e-6


@given(st.lists(st.integers(1, 500), min_size=1, max_size=50))
def test_who_comes_later_has_saved_nothing_up(taken: list[int]) -> None:
    turns = Turns()
    turns.enter(["early"])
    for items in taken:
        turns.had("early", items)
    turns.enter(["early", "late"])
    turns.had("late", 1)
    chosen = turns.next([waiting("early"), waiting("late")])
    assert chosen is not None
    assert chosen.tenant == "early"


def test_within_a_tenant_priority_goes_first_and_then_age() -> None:
    given = [
        waiting("a", "young"),
        waiting("a", "old", age=60),
        waiting("a", "urgent", priority=1),
        waiting("a", "idle", priority=-1, age=600),
    ]
    order = []
    while given:
        chosen = Turns().next(given)
        assert chosen is not None
        order.append(chosen.job_id)
        given.remove(chosen)
    assert order == ["urgent", "old", "young", "idle"]


def test_a_priority_does_not_reach_into_other_tenants() -> None:
    turns = Turns()
    turns.enter(["a", "b"])
    turns.had("a", 1)
    chosen = turns.next([waiting("a", priority=100), waiting("b", priority=-100)])
    assert chosen is not None
    assert chosen.tenant == "b"


def test_nobody_waits() -> None:
    assert Turns().next([]) is None
