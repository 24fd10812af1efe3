"""Of many who would wait for something that is away, one asks each second."""

from __future__ import annotations

from orchestrator.kit.away import Away


def test_one_asks_for_all_until_there_is_an_answer() -> None:
    now = 100.0
    away = Away(1.0, lambda: now)
    assert [away.worth_asking() for _ in range(3)] == [True] * 3
    away.failed()
    assert not away.worth_asking()
    now += 1.0
    assert [away.worth_asking() for _ in range(3)] == [True, False, False]
    now += 1.0
    assert away.worth_asking()
    away.answered()
    assert [away.worth_asking() for _ in range(3)] == [True] * 3
