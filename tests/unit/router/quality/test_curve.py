"""The curve bends what experts differ by with how hard a prompt is."""

from __future__ import annotations

import numpy as np
import pytest

from router.quality.curve import Curve, fit_curve


def _bent(rows: int = 800, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The first component is largest in the middle; the second does not depend on difficulty."""
    generator = np.random.default_rng(seed)
    means = generator.uniform(0.0, 1.0, rows)
    noise = generator.normal(0.0, 0.3, (rows, 2))
    return means, np.stack([means * (1.0 - means) - 1.0 / 6.0, np.zeros(rows)], axis=1) + noise


def test_experts_differ_most_in_the_middle() -> None:
    means, outcomes = _bent()
    curve = fit_curve(means, outcomes).curve
    easy, middle, hard = (curve(np.float64(mean))[0] for mean in (0.95, 0.5, 0.05))
    assert middle > 0.04
    assert easy < -0.04
    assert hard < -0.04
    assert abs(curve(means).mean(axis=0)[0]) < 0.01  # it moves nobody's mean


def test_a_component_that_does_not_bend_is_left_alone() -> None:
    means, outcomes = _bent()
    assert np.abs(fit_curve(means, outcomes).curve(means)[:, 1]).max() < 0.05
    flat = fit_curve(means, np.random.default_rng(1).normal(size=(800, 3)) * 1e-3).curve
    assert np.abs(flat(means)).max() < 1e-3


def test_beyond_what_was_seen_it_goes_on_level() -> None:
    curve = fit_curve(*_bent()).curve
    assert np.array_equal(curve(np.float64(5.0)), curve(np.float64(50.0)))


def test_what_it_says_of_rows_left_out_is_less_than_what_it_says_of_rows_it_was_shown() -> None:
    means, outcomes = _bent(rows=12)
    curve, held_out = fit_curve(means, outcomes)
    shown = ((curve(means) - outcomes) ** 2).sum()
    assert ((held_out - outcomes) ** 2).sum() >= shown - 1e-6


def test_prompts_equally_hard_have_no_curve() -> None:
    curve, held_out = fit_curve(np.full(30, 0.4), np.random.default_rng(0).normal(size=(30, 2)))
    assert np.isfinite(held_out).all()
    assert not curve(np.array([0.0, 0.4, 1.0])).any()


def test_storage_gives_the_same_and_refuses_parts_that_do_not_fit() -> None:
    means, outcomes = _bent()
    curve = fit_curve(means, outcomes).curve
    loaded = Curve.load(curve.arrays())
    assert np.array_equal(curve(means), loaded(means))
    for name in ("weights", "range"):
        with pytest.raises(ValueError, match="do not fit"):
            Curve.load({**curve.arrays(), name: curve.arrays()[name][:1]})
