"""What a limit of so many a minute promises, whatever the schedule."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.kit.ids import uuid7
from orchestrator.tenants.limits.memory import MemoryLimits
from orchestrator.tenants.limits.values import Ask, Limits, Reply, Scope

NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z


@dataclass
class Desk:
    """A limit of requests with a clock of its own."""

    limits: Limits
    now: int = NOON

    def __post_init__(self) -> None:
        self.memory = MemoryLimits(lambda: self.now)

    def ask(self, tokens: int = 0) -> Reply:
        ask = Ask(f"req_{uuid7(self.now).hex}", "one", "key_a", tokens=tokens)
        return self.memory.admit(ask, [Scope("tenant", self.limits)], 600_000)


@given(
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(0, 30_000), st.booleans()), max_size=60),
)
@settings(max_examples=100, deadline=None)
def test_never_more_than_so_many_in_any_minute(most: int, gaps: list[tuple[int, bool]]) -> None:
    desk = Desk(Limits(requests=most))
    passed: list[int] = []
    for gap, patient in gaps:
        desk.now += gap
        reply = desk.ask()
        if not reply.admitted:
            assert sum(moment > desk.now - 61_000 for moment in passed) >= most
            wait = reply.refusals[0].wait_ms
            assert 0 < wait <= 61_000
            if not patient:
                continue
            desk.now += wait
            assert desk.ask().admitted  # whoever waits as long as told gets through
        passed.append(desk.now)
        assert sum(moment > desk.now - 60_000 for moment in passed) <= most


def test_a_burst_of_four_times_as_many_lets_exactly_so_many_through() -> None:
    desk = Desk(Limits(requests=100))
    admitted = 0
    for _ in range(400):
        desk.now += 50  # 20 seconds in all, in which a leaky bucket would have let 33 more through
        admitted += desk.ask().admitted
    assert admitted == 100


def test_tokens_that_were_not_needed_are_free_again_at_once() -> None:
    desk = Desk(Limits(tokens=1_000))
    first = Ask(f"req_{uuid7(desk.now).hex}", "one", "key_a", tokens=900)
    scopes = [Scope("tenant", desk.limits)]
    assert desk.memory.admit(first, scopes, 600_000).admitted
    assert not desk.ask(tokens=200).admitted
    desk.memory.settle("one", first.request_id, 100, 0)
    assert desk.ask(tokens=900).admitted
    assert not desk.ask(tokens=1).admitted
