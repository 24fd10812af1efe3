"""Scores by words and characters: the same as by single features, whatever was seen before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.features import BUCKETS, Weighting, find
from router.learned import lexical
from router.learned.lexical import LexicalScores

CATEGORIES = 5
RNG = np.random.default_rng(3)
WEIGHTING = Weighting(RNG.uniform(1.0, 9.0, BUCKETS).astype(np.float32), (1.3, 0.7, 1.0))
PLACES = RNG.integers(0, 500, BUCKETS).astype(np.int32)
WEIGHTS = RNG.normal(size=(500, CATEGORIES)).astype(np.float32)
WEIGHTS[0] = 0.0

TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(["card", "freeze", "my", "?", "Card", "now"]), max_size=30).map(
        " ".join
    ),
)


def _scores() -> LexicalScores:
    return LexicalScores(WEIGHTING, PLACES, WEIGHTS)


def _by_features(text: str) -> np.ndarray:
    found = find(text)
    return WEIGHTING(found) @ WEIGHTS[PLACES[found.indices]]


SHARED = _scores()


@given(TEXTS)
def test_they_are_the_sum_over_all_features(text: str) -> None:
    np.testing.assert_allclose(SHARED(text), _by_features(text), atol=2e-5)


def test_they_do_not_depend_on_what_was_seen_before() -> None:
    texts = ["freeze my card", "my card, my card", "unfreeze the cards"]
    fresh = [_scores()(text) for text in texts]
    used = _scores()
    for text in reversed(texts):
        used(text)
    for text, expected in zip(texts, fresh, strict=True):
        np.testing.assert_array_equal(used(text), expected)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "_FIRST_ROWS", 16)
    monkeypatch.setattr(lexical, "_MOST_BYTES", 16 * 4 * 2 * (CATEGORIES + 1))
    scores = _scores()
    for number in range(100):
        text = f"word{number} and word{number + 1}"
        np.testing.assert_allclose(scores(text), _by_features(text), atol=2e-5)
        assert len(scores._words.entries) <= 16
    long = " ".join(f"w{number}" for number in range(40))
    np.testing.assert_allclose(scores(long), _by_features(long), atol=2e-5)


def test_threads_may_share_them() -> None:
    texts = [f"alpha{n % 37} beta{n % 41} gamma{n}" for n in range(2_000)]
    scores = _scores()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(scores, texts))
    for text, each in zip(texts, found, strict=True):
        np.testing.assert_allclose(each, _by_features(text), atol=2e-5)
