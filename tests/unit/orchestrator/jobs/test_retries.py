from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.jobs.retries import MOST_ATTEMPTS, pause_before

CHANCES = st.floats(0.0, 1.0)


@given(st.integers(1, MOST_ATTEMPTS - 1), CHANCES)
def test_pauses_grow_and_differ(attempt: int, chance: float) -> None:
    pause = pause_before(attempt, chance)
    assert pause is not None
    longest = min(300.0, 2.0 ** (attempt - 1))
    assert longest / 2 <= pause <= longest


@given(st.integers(1, MOST_ATTEMPTS - 1), CHANCES)
def test_what_an_expert_asks_for_is_waited_for(attempt: int, chance: float) -> None:
    pause = pause_before(attempt, chance, asked=1000.0)
    assert pause == 1000.0


@given(CHANCES)
def test_it_ends(chance: float) -> None:
    assert pause_before(MOST_ATTEMPTS, chance) is None
