from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.quality.blending import blend_weights, contrasts
from router.quality.heads import FittedHeads, Heads, fit_heads
from router.quality.kernel import kernel

NONE = np.ones((1, 1))


def fitted(
    coordinates: np.ndarray, deviations: np.ndarray, probabilities: np.ndarray | None = None
) -> FittedHeads:
    if probabilities is None:
        probabilities = np.ones((len(coordinates), 1))
    return fit_heads(
        coordinates.astype(np.float32),
        probabilities,
        deviations,
        np.eye(deviations.shape[1]),
        landmarks=200,
        sharpness=0.5,
        category_share=1.0,
        generator=np.random.default_rng(0),
    )


def waves(rows: int = 600, noise: float = 0.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.uniform(-2, 2, (rows, 2))
    y = np.stack([np.sin(2 * x[:, 0]), np.zeros(rows)], axis=1)
    return x, y + generator.normal(0, noise, y.shape)


def test_similarity_is_one_at_a_point_and_falls_off() -> None:
    similar = kernel(np.array([[0.0, 0.0], [3.0, 0.0]], dtype=np.float32), 0.5)
    found = similar(np.array([[0.0, 0.0], [0.0, 1.0]], dtype=np.float32))
    np.testing.assert_allclose(found[:, 0], [1.0, np.exp(-0.5)], rtol=1e-6)
    assert found[0, 1] < 0.02
    assert similar(np.zeros(2, dtype=np.float32)).shape == (2,)


def test_what_can_be_predicted_is_and_noise_is_not() -> None:
    x, y = waves()
    heads, held_out, penalties = fitted(x, y)
    unseen, truth = waves(noise=0.0, seed=1)
    told = heads(unseen.astype(np.float32), np.ones((len(unseen), 1)))
    assert ((told[:, 0] - truth[:, 0]) ** 2).mean() < 0.02
    assert np.abs(told[:, 1]).max() < 0.1
    assert penalties[1] > penalties[0]
    assert ((held_out[:, 0] - y[:, 0]) ** 2).mean() < 0.06


def test_leaving_out_is_what_it_says() -> None:
    x, y = waves(rows=40)
    told = fitted(x, y)
    # Landmarks stay: only the row's own target is taken away.
    for row in (0, 7):
        target = y.copy()
        target[row] = told.held_out[row]  # the left-out prediction is a fixed point
        again = fitted(x, target)
        if (again.penalties == told.penalties).all():
            own = again.heads(x[row].astype(np.float32), NONE[0])
            np.testing.assert_allclose(own, told.held_out[row], atol=1e-3)


def test_far_away_only_the_category_is_left() -> None:
    x, y = waves()
    probabilities = np.zeros((len(x), 2))
    probabilities[::2, 0] = probabilities[1::2, 1] = 1.0
    y[::2, 1] += 0.5
    heads = fitted(x, y - y.mean(axis=0), probabilities).heads
    far = np.full(2, 100.0, dtype=np.float32)
    gap = heads(far, np.array([1.0, 0.0])) - heads(far, np.array([0.0, 1.0]))
    assert gap[1] == pytest.approx(0.5, abs=0.15)
    np.testing.assert_allclose(heads(far, np.zeros(2)), 0.0, atol=1e-6)


def test_missing_targets_are_filled_with_what_is_expected() -> None:
    x, y = waves()
    y[np.random.default_rng(2).random(y.shape) < 0.4] = np.nan
    told = fitted(x, y).heads(x.astype(np.float32), np.ones((len(x), 1)))
    truth = np.sin(2 * x[:, 0])
    assert ((told[:, 0] - truth) ** 2).mean() < 0.03


def test_heads_survive_storage_and_refuse_parts_that_do_not_fit() -> None:
    x, y = waves(rows=50)
    heads = fitted(x, y).heads
    loaded = Heads.load(heads.arrays(), heads.landmarks.sharpness)
    single = x[3].astype(np.float32)
    assert np.array_equal(heads(single, NONE[0]), loaded(single, NONE[0]))
    with pytest.raises(ValueError, match="do not fit"):
        Heads.load({**heads.arrays(), "weights": np.zeros((3, 2))}, 0.5)


def test_the_first_contrast_is_the_mean_of_all() -> None:
    residuals = np.random.default_rng(0).normal(size=(50, 5))
    found = contrasts(residuals, 9)
    np.testing.assert_allclose(np.abs(found[:, 0]), 5**-0.5)
    np.testing.assert_allclose(found.T @ found, np.eye(5), atol=1e-9)
    assert contrasts(residuals, 3).shape == (5, 3)
    assert contrasts(residuals[:, :1], 3).shape == (1, 1)


def test_the_blend_believes_what_predicted_rows_left_out() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(500, 4))
    noise = generator.normal(size=(500, 4))
    table, good = np.zeros((500, 4)), truth
    assert blend_weights(truth + noise, [table, good])[1] == pytest.approx(1.0, abs=0.15)
    assert blend_weights(truth + noise, [good, noise * 0.0])[0] == pytest.approx(1.0, abs=0.15)
    useless = generator.normal(size=(500, 4))
    first, second = blend_weights(truth + noise, [good, useless])
    assert first > 0.8
    assert second < 0.1


def test_with_few_rows_the_table_is_trusted() -> None:
    generator = np.random.default_rng(0)
    target, table, other = (generator.normal(size=(4, 3)) for _ in range(3))
    first, second = blend_weights(target, [table, other])
    assert first > 0.7
    assert second < 0.2


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 1000), st.booleans())
def test_weights_are_finite_and_not_negative(
    rows: int, experts: int, seed: int, dull: bool
) -> None:
    generator = np.random.default_rng(seed)
    target = generator.choice([0.0, 1.0, np.nan], size=(rows, experts))
    parts = [np.zeros((rows, experts)) if dull else generator.normal(size=(rows, experts))] * 3
    found = blend_weights(target, parts)
    assert len(found) == 3
    assert np.isfinite(found).all()
    assert min(found) >= 0.0
