"""The window against a modelled expert: it finds the capacity, and leaves an expert in trouble alone."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.jobs.concurrency import Window

QUICKLY = settings(max_examples=20, deadline=None)


def as_long(_: float) -> float:
    return 1.0


def drive(
    window: Window,
    capacity: int,
    *,
    calls: int,
    refuses: bool,
    length: Callable[[float], float] = as_long,
) -> tuple[float, list[int]]:
    """Return the share of calls that were refused, and how many were under way at each.

    An expert answers so many at once, within a second each unless ``length`` says otherwise. More are
    refused at once, or slow all of them down.
    """
    now, under_way, refused = 0.0, 0, 0
    ends: list[tuple[float, float, bool]] = []
    seen: list[int] = []
    for _ in range(calls):
        while window.room(now, under_way) == 0:
            ended, began, good = heapq.heappop(ends)
            now = max(now, ended)
            if good:
                window.answered(now, began, under_way)
            else:
                window.overloaded(now, began)
            under_way -= 1
        under_way += 1
        seen.append(under_way)
        over = under_way > capacity
        refused += refuses and over
        seconds = 0.01 if refuses and over else max(1.0, under_way / capacity) * length(1.0)
        heapq.heappush(ends, (now + seconds, now, not (refuses and over)))
    return refused / calls, seen


@QUICKLY
@given(st.integers(2, 100))
def test_it_finds_what_an_expert_that_refuses_bears(capacity: int) -> None:
    refused, seen = drive(Window(256), capacity, calls=6000, refuses=True)
    assert refused < 0.1
    late = seen[2000:]
    assert sum(late) / len(late) >= 0.6 * capacity


@QUICKLY
@given(st.integers(2, 100))
def test_it_does_not_pile_up_on_an_expert_that_slows_down(capacity: int) -> None:
    _, seen = drive(Window(1000), capacity, calls=6000, refuses=False)
    late = seen[3000:]
    assert max(late) <= 3.5 * capacity + 30  # what it began with fades slowly where there is little
    assert sum(late) / len(late) >= 0.8 * capacity


@QUICKLY
@given(st.integers(0, 1000))
def test_answers_of_very_different_lengths_do_not_keep_it_small(seed: int) -> None:
    lengths = random.Random(seed)  # noqa: S311 (a seed is what is wanted)
    _, seen = drive(Window(64), 10_000, calls=6000, refuses=False, length=lengths.expovariate)
    late = seen[3000:]
    assert sum(late) / len(late) >= 20


def test_it_grows_to_the_most_where_nothing_is_in_the_way() -> None:
    window = Window(64)
    drive(window, 10_000, calls=500, refuses=True)
    assert window.limit == 64


def test_it_does_not_grow_while_it_is_not_filled() -> None:
    window = Window(64)
    for second in range(100):
        window.answered(second + 1.0, float(second), under_way=1)
    assert window.limit == 2


def test_many_refusals_of_calls_that_began_together_halve_it_once() -> None:
    window = Window(64, size=64)
    for _ in range(64):
        window.overloaded(now=10.0, began=9.0)
    assert window.limit == 44
    window.overloaded(now=12.0, began=11.0)
    assert window.limit == 31


def test_an_expert_that_asks_for_a_pause_gets_it() -> None:
    window = Window(64, size=8)
    window.overloaded(now=10.0, began=9.0, pause=5.0)
    assert window.room(14.9, 0) == 0
    assert window.opens_in(14.0) == 1.0
    assert window.room(15.0, 0) == 5


def test_one_call_may_always_be_made() -> None:
    window = Window(64)
    for second in range(100):
        window.overloaded(now=float(second), began=float(second))
    assert window.limit == 1
