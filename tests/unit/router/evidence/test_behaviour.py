import numpy as np
import pytest

from router.evidence.behaviour import Observed, is_refusal, profile
from router.evidence.comparison import compared
from router.evidence.means import share


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot provide instructions for this.",
        "I’m not able to assist with this request.",
        "As an AI language model, I am unable to answer that.",
        "I must respectfully decline.",
        "Unfortunately, I can't really help here.",
        "   ",
    ],
)
def test_refusals(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "I can't find an error, so the answer is 3.",
        "I do not know.",
        "I'm sorry for the delay. The answer is 7.",
        "It cannot be 4, since 4 is even.",
        "FINAL ANSWER: B",
        "One cannot help but admire the proof.",
        "I can't help but admire the proof.",
    ],
)
def test_answers_that_are_none(text: str) -> None:
    assert not is_refusal(text)


def test_a_profile_counts_what_it_says() -> None:
    seen = [
        Observed(refused=True, formed=False, tokens=9),
        Observed(refused=False, formed=True, source="context", tokens=100),
        Observed(refused=False, formed=False, source="memory", tokens=200),
        Observed(refused=False, source="neither", tokens=300),
    ]
    found = profile(seen)
    assert found.refusals[:2] == (1, 4)
    assert found.form[:2] == (1, 2), "a refusal is not asked for its form"
    assert found.context[:2] == (1, 2)
    assert found.neither[:2] == (1, 3)
    assert found.tokens.mean == 200
    assert found.refusals.low < 0.25 < found.refusals.high
    empty = profile([])
    assert (empty.refusals.value, empty.tokens_p95) == (None, None)
    assert share(0, 0)[2:] == (0.0, 1.0)


def test_win_tie_and_lose_on_the_same_prompts() -> None:
    ours, theirs = np.array([1.0] * 30 + [0.0] * 10), np.array([1.0] * 15 + [0.0] * 25)
    found = compared(ours, theirs)
    assert (found.verdict, found.won, found.tied, found.lost) == ("win", 15, 25, 0)
    assert found.difference.mean == pytest.approx(15 / 40)
    assert found.p_value == pytest.approx(2 / 2**15)
    assert compared(theirs, ours).verdict == "lose"
    assert compared(ours, ours).verdict == "tie"
    few = compared(np.ones(2), np.zeros(2))
    assert few.verdict == "tie", "two prompts prove nothing"
    missing = compared(np.array([1.0, np.nan]), np.array([0.0, 1.0]))
    assert missing.difference.n == 1
    with pytest.raises(ValueError, match="against"):
        compared(np.ones(2), np.ones(3))
