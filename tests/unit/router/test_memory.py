import threading

import numpy as np
import pytest

from router import Candidate, EpisodicMemory, RouteRequest, starter_router

ROUTER = starter_router()
MATHS = "Prove that the square root of 2 is irrational"
SMALL, LARGE = Candidate("small", active_parameters=3), Candidate("large", active_parameters=200)
POOL = ROUTER.pool([SMALL, LARGE])
QUALITY = RouteRequest(MATHS, policy="quality")


def remembered(text: str, expert: str, outcome: float, times: int = 10) -> EpisodicMemory:
    memory = EpisodicMemory()
    for _ in range(times):
        memory.remember(ROUTER.embedder.embed([text])[0], expert, outcome)
    return memory


def test_nothing_remembered_changes_nothing() -> None:
    assert ROUTER.decide(QUALITY, POOL, EpisodicMemory()) == ROUTER.decide(QUALITY, POOL)


def test_what_became_of_the_same_request_counts() -> None:
    decision = ROUTER.decide(QUALITY, POOL, remembered(MATHS, "large", 0.0))
    assert (decision.expert, decision.rule) == ("small", "memory")
    assert "what became of similar requests" in decision.reason
    before = {v.id: v.quality for v in ROUTER.decide(QUALITY, POOL).candidates}
    after = {v.id: v.quality for v in decision.candidates}
    assert after["small"] == before["small"]
    assert after["large"] == pytest.approx(before["large"] * 4 / 14)


def test_one_outcome_counts_less_than_many() -> None:
    few = ROUTER.decide(QUALITY, POOL, remembered(MATHS, "large", 0.0, times=1))
    assert few.rule == "category"
    assert few.candidates[0].quality == pytest.approx(
        ROUTER.decide(QUALITY, POOL).candidates[0].quality * 4 / 5
    )


def test_other_requests_and_experts_that_are_gone_say_nothing() -> None:
    plain = ROUTER.decide(QUALITY, POOL)
    other = remembered("Can my landlord keep the deposit?", "large", 0.0, times=100)
    assert ROUTER.decide(QUALITY, POOL, other) == plain
    assert ROUTER.decide(QUALITY, POOL, remembered(MATHS, "gone", 0.0, times=100)) == plain


def test_no_more_than_the_newest_are_kept() -> None:
    memory = EpisodicMemory(capacity=3)
    vector = np.array([1.0, 0.0], dtype=np.float32)
    for outcome in (0.0, 0.0, 0.0, 1.0, 1.0, 1.0):
        memory.remember(vector, "a", outcome)
    assert len(memory) == 3
    assert memory.corrected(np.array([0.5]), vector, {"a": 0}) == pytest.approx((2 + 3) / 7)


@pytest.mark.parametrize("outcome", [-0.1, 1.1, float("nan")])
def test_an_outcome_is_between_bad_and_good(outcome: float) -> None:
    with pytest.raises(ValueError, match="outcome is a number from 0 to 1"):
        EpisodicMemory().remember(np.ones(2, dtype=np.float32), "a", outcome)


@pytest.mark.parametrize("settings", [{"capacity": 0}, {"strength": 0}, {"reach": 1}])
def test_settings_are_checked(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="capacity is at least 1"):
        EpisodicMemory(**settings)


def test_threads_may_share_it() -> None:
    memory = EpisodicMemory(capacity=50)
    vector = np.array([0.6, 0.8], dtype=np.float32)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(300):
                memory.remember(vector, "a", 1.0)
                found = memory.corrected(np.array([0.0]), vector, {"a": 0})
                assert 0.0 < found[0] <= 50 / 54
        except BaseException as error:  # noqa: BLE001  a thread's failure must reach the test
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(memory) == 50
