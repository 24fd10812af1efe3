"""Hashed lexical features: the same everywhere, bounded, of unit length in each part."""

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.features import BUCKETS, WORD_BUCKETS, find, fit_weighting

TEXTS = ["freeze my bank account", "Is my card frozen?", "a b a b a b c", "", "名前は何ですか"]
PROBE = "from router.features import find; print(find('freeze my account, ok?').indices.tolist())"


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=200))
def test_any_text_has_features_within_bounds(text: str) -> None:
    found = find(text)
    assert found.indices.shape == found.counts.shape
    assert found.indices.dtype == np.int32
    assert 0 <= found.bounds[0] <= found.bounds[1] <= len(found.indices)
    first, second = found.bounds
    assert ((found.indices[:second] >= 0) & (found.indices[:second] < WORD_BUCKETS)).all()
    assert ((found.indices[second:] >= WORD_BUCKETS) & (found.indices[second:] < BUCKETS)).all()
    assert first >= 0
    assert (found.counts >= 1).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_each_part_has_its_length_and_a_matrix_is_its_rows(texts: list[str]) -> None:
    found = [find(text) for text in texts]
    weighting = fit_weighting(found, (1.3, 0.7, 1.0))
    matrix = weighting.matrix(found).toarray()
    for row, each in zip(matrix, found, strict=True):
        values = weighting(each)
        one = np.zeros(BUCKETS, dtype=np.float32)
        np.add.at(one, each.indices, values)
        np.testing.assert_allclose(row, one, atol=1e-5)
        cuts = np.split(values, each.bounds)
        for part, weight in zip(cuts, weighting.weights, strict=True):
            assert not len(part) or np.linalg.norm(part) == pytest.approx(weight, rel=1e-4)


def test_case_does_not_count_and_order_does() -> None:
    np.testing.assert_array_equal(find("Freeze MY card").indices, find("freeze my card").indices)
    assert set(find("dog bites man").indices) != set(find("man bites dog").indices)


def test_parts_of_words_are_shared_by_their_forms() -> None:
    def grams(text: str) -> set[int]:
        found = find(text)
        return set(found.indices[found.bounds[1] :].tolist())

    alike = len(grams("freezing") & grams("freezes"))
    assert alike > len(grams("freezing") & grams("banana"))
    assert alike >= 8


def test_a_word_said_often_counts_more_but_not_in_proportion() -> None:
    once, often = find("cat dog"), find("cat cat cat cat dog")
    assert once.counts.max() == 1.0
    assert often.counts.max() == pytest.approx(1.0 + np.log(4))


def test_rare_features_weigh_more() -> None:
    found = [find(text) for text in ("the cat", "the dog", "the fish")]
    weighting = fit_weighting(found, (1.0, 1.0, 1.0))
    common, rare = find("the").indices[0], find("fish").indices[0]
    assert weighting.rarity[common] < weighting.rarity[rare]
    assert weighting.rarity.min() == pytest.approx(1.0)


def test_the_same_in_every_process() -> None:
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", PROBE],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == str(find("freeze my account, ok?").indices.tolist())


def test_a_megabyte_is_cut_cheaply() -> None:
    for text in ("lorem ipsum " * 90_000, "x" * 1_000_000, "語" * 1_000_000, "\ud83d" * 1_000_000):
        started = time.perf_counter()
        assert len(find(text).indices) < 40_000
        assert time.perf_counter() - started < 0.25
