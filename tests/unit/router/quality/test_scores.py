from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.data import DatasetInvalid
from router.quality.scores import ScoreTable, expert_means, fit_scores, left_out


def one_hot(labels: list[int], categories: int) -> np.ndarray:
    return np.eye(categories)[labels]


def test_many_rows_keep_their_mean_and_few_come_near_the_overall_one() -> None:
    generator = np.random.default_rng(0)
    truth = np.array([0.2, 0.8, 0.5])
    labels = [0] * 400 + [1] * 400 + [2] * 2
    scores = (generator.random(len(labels)) < truth[labels]).astype(float)[:, None]
    scores[-2:] = 1.0
    table = fit_scores(scores, one_hot(labels, 3))
    raw = [scores[:400].mean(), scores[400:800].mean()]
    np.testing.assert_allclose(table.mean[:2, 0], raw, atol=0.01)
    assert scores.mean() < table.mean[2, 0] < 0.95
    assert table.se[2, 0] > 3 * table.se[0, 0]
    assert table.n[:, 0].tolist() == [400, 400, 2]


def test_categories_that_do_not_differ_are_pooled() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 20, 400).tolist()
    scores = (generator.random((400, 1)) < 0.6).astype(float)
    table = fit_scores(scores, one_hot(labels, 20))
    raw = np.array([scores[np.array(labels) == c].mean() for c in range(20)])
    assert table.mean.std() < 0.5 * raw.std()


def test_a_category_without_rows_has_the_overall_mean_and_a_wide_error() -> None:
    scores = np.array([[1.0], [0.0], [1.0], [0.0]] * 20)
    table = fit_scores(scores, one_hot([0, 0, 1, 1] * 20, 3))
    assert table.mean[2, 0] == pytest.approx(0.5)
    assert table.n[2, 0] == 0
    assert table.se[2, 0] >= table.se[0, 0]


def test_missing_scores_do_not_count() -> None:
    scores = np.array([[1.0, np.nan], [1.0, np.nan], [0.0, 0.5], [np.nan, np.nan]])
    table = fit_scores(scores, one_hot([0, 0, 1, 1], 2))
    assert table.n.tolist() == [[2, 0], [1, 1]]
    assert np.isfinite(table.mean).all()
    assert np.isfinite(table.se).all()


def test_soft_labels_are_shared_out() -> None:
    scores = np.array([[1.0], [0.0]] * 100)
    soft = np.array([[0.9, 0.1], [0.1, 0.9]] * 100)
    table = fit_scores(scores, soft)
    assert table.mean[0, 0] == pytest.approx(0.9, abs=0.02)
    assert table.mean[1, 0] == pytest.approx(0.1, abs=0.02)


def test_the_standard_error_is_that_of_the_mean() -> None:
    generator = np.random.default_rng(2)
    found = []
    for _ in range(200):
        scores = (generator.random((120, 1)) < np.repeat([0.3, 0.7], 60)[:, None]).astype(float)
        found.append(fit_scores(scores, one_hot([0] * 60 + [1] * 60, 2)))
    spread = np.std([table.mean[0, 0] for table in found])
    assert np.mean([table.se[0, 0] for table in found]) == pytest.approx(spread, rel=0.25)


def test_planning_can_be_cautious() -> None:
    table = ScoreTable(np.full((1, 2), 0.6), np.array([[0.0, 0.2]]), np.ones((1, 2)))
    np.testing.assert_allclose(table.cautious(1.5), [[0.6, 0.3]])


def test_a_score_outside_its_range_is_named() -> None:
    scores = np.array([[0.5, 0.5], [0.5, 1.5]])
    with pytest.raises(DatasetInvalid, match=r"row 1, expert 1: the score 1\.5"):
        fit_scores(scores, one_hot([0, 0], 1))
    with pytest.raises(DatasetInvalid, match="scores are"):
        fit_scores(scores, one_hot([0], 1))
    with pytest.raises(DatasetInvalid, match="outside"):
        fit_scores(np.array([[np.inf]]), one_hot([0], 1))


def test_a_table_survives_storage_and_refuses_parts_that_do_not_fit() -> None:
    table = fit_scores(np.random.default_rng(0).random((9, 2)), one_hot([0, 1, 2] * 3, 3))
    loaded = ScoreTable.load(table.arrays())
    assert all(np.array_equal(a, loaded.arrays()[name]) for name, a in table.arrays().items())
    with pytest.raises(ValueError, match="one shape"):
        ScoreTable.load({**table.arrays(), "n": np.ones((1, 2))})
    with pytest.raises(KeyError):
        ScoreTable.load({"mean": table.mean})


def test_left_out_moves_towards_what_the_table_says_without_the_row() -> None:
    generator = np.random.default_rng(3)
    scores = (generator.random((60, 1)) < 0.5).astype(float)
    members = one_hot([0, 1, 2] * 20, 3)
    table = fit_scores(scores, members)
    said = left_out(table, scores, members, members)
    exact = np.array(
        [
            members[i] @ fit_scores(np.delete(scores, i, 0), np.delete(members, i, 0)).mean
            for i in range(60)
        ]
    )
    full = members @ table.mean
    assert ((said - full) * (exact - full) > 0).mean() > 0.9
    assert np.isfinite(left_out(table, np.full((60, 1), np.nan), members, members)).all()


def test_an_expert_without_scores_is_expected_to_be_middling() -> None:
    assert expert_means(np.array([[np.nan, 0.2], [np.nan, 0.4]])) == pytest.approx([0.5, 0.3])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 4), st.integers(1, 5), st.integers(0, 10_000), st.booleans()
)
def test_any_table_is_finite_and_within_range(
    rows: int, experts: int, categories: int, seed: int, soft: bool
) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.choice([0.0, 0.5, 1.0, np.nan], size=(rows, experts))
    members = (
        generator.dirichlet(np.ones(categories), rows)
        if soft
        else one_hot(generator.integers(0, categories, rows).tolist(), categories)
    )
    table = fit_scores(scores, members)
    assert ((table.mean >= 0) & (table.mean <= 1)).all()
    assert np.isfinite(table.se).all()
    assert (table.se >= 0).all()
    low, high = min(np.nanmin([*scores.flat, 0.5]), 0.5), max(np.nanmax([*scores.flat, 0.5]), 0.5)
    assert low - 1e-9 <= table.mean.min() <= table.mean.max() <= high + 1e-9
