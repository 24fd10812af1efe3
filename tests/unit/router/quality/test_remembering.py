"""The model with neighbours: what repeats is remembered, and does not make prices too low."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from router.embedding import HashingEmbedder
from router.mapping import price_for
from router.quality import FittedQuality, QualityModel, QualitySettings, fit_quality

SMALL = QualitySettings(landmarks=64)
WORDS = [f"word{number}" for number in range(2000)]


class Twins:
    """Every prompt comes twice, word for word, and each expert's outcome with it."""

    def __init__(self, pairs: int, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        self.texts = [" ".join(generator.choice(WORDS, 12)) for _ in range(pairs)]
        self.labels = generator.integers(0, 3, pairs)
        self.scores = (generator.random((pairs, 3)) < 0.5).astype(float)
        self.vectors = HashingEmbedder(64).embed(self.texts)
        self._take(np.repeat(np.arange(pairs), 2))

    def _take(self, rows: np.ndarray) -> None:
        self.texts = [self.texts[row] for row in rows.tolist()]
        self.labels, self.scores = self.labels[rows], self.scores[rows]
        self.vectors = self.vectors[rows]
        self.probabilities = np.eye(3)[self.labels] * 0.9 + 0.1 / 3

    def rows(self, rows: np.ndarray) -> Twins:
        part = object.__new__(Twins)
        vars(part).update(vars(self))
        part._take(rows)
        return part

    def singles(self) -> Twins:
        """Return one of each two."""
        return self.rows(np.arange(0, len(self.texts), 2))

    def fit(self, settings: QualitySettings = SMALL) -> FittedQuality:
        return fit_quality(
            self.texts,
            self.vectors,
            self.probabilities,
            labels=self.labels.tolist(),
            scores=self.scores,
            experts=["a", "b", "c"],
            seed=0,
            settings=settings,
        )

    def many(self, model: QualityModel) -> np.ndarray:
        return model.many(self.texts, self.vectors, self.probabilities)

    def without_neighbours(self, model: QualityModel) -> np.ndarray:
        return self.many(replace(model, neighbours=None, space=model.space.without_content()))

    def got(self, quality: np.ndarray) -> float:
        return float(self.scores[np.arange(len(self.scores)), quality.argmax(axis=1)].mean())


@pytest.fixture(scope="module")
def world() -> Twins:
    return Twins(400)


@pytest.fixture(scope="module")
def fitted(world: Twins) -> FittedQuality:
    return world.fit()


def test_a_prompt_that_comes_again_is_remembered(world: Twins, fitted: FittedQuality) -> None:
    model, again = fitted.model, world.singles()
    assert model.neighbours is not None
    known = again.got(again.many(model))
    assert known > again.scores.max(axis=1).mean() - 0.02  # the best expert for nearly each
    assert known > again.got(again.without_neighbours(model)) + 0.1


def test_strangers_are_not_touched_by_what_is_remembered(fitted: FittedQuality) -> None:
    strangers = Twins(200, seed=1)
    moved = strangers.many(fitted.model) - strangers.without_neighbours(fitted.model)
    assert np.median(np.abs(moved)) < 0.01


def test_nothing_is_stored_where_nothing_repeats() -> None:
    model = Twins(600).singles().fit().model
    assert model.neighbours is None
    assert not [name for name in model.arrays() if name.startswith("neighbours")]
    assert model.space.projection.shape[1] == model.space.axes


def test_how_many_are_stored_is_a_setting(world: Twins) -> None:
    assert world.fit(replace(SMALL, neighbours=0)).model.neighbours is None
    near = world.fit(replace(SMALL, neighbours=700)).model.neighbours
    assert near is not None
    assert len(near.outcomes) == 700


def test_storage_gives_the_same_to_the_last_bit(world: Twins, fitted: FittedQuality) -> None:
    model = fitted.model
    stored = json.loads(json.dumps(model.settings()))
    loaded = QualityModel.load(model.arrays(), stored, ["a", "b", "c"])
    assert loaded.neighbours is not None
    assert np.array_equal(world.many(model), world.many(loaded))
    one = world.texts[0], world.vectors[0], world.probabilities[0]
    assert np.array_equal(model(*one), loaded(*one))


def test_parts_that_do_not_fit_are_refused(fitted: FittedQuality) -> None:
    arrays, stored = fitted.model.arrays(), fitted.model.settings()
    for name, wrong in (
        ("space.projection", arrays["space.projection"][:, :-1]),
        ("neighbours.outcomes", arrays["neighbours.outcomes"][:, :-1]),
        ("curve.weights", arrays["curve.weights"][:, :-1]),
    ):
        with pytest.raises(ValueError, match="do not fit"):
            QualityModel.load({**arrays, name: wrong}, stored, ["a", "b", "c"])
    with pytest.raises(ValueError, match="do not fit"):
        QualityModel.load(arrays, {**stored, "neighbours": None}, ["a", "b", "c"])


def test_one_at_a_time_is_the_same_as_many(world: Twins, fitted: FittedQuality) -> None:
    together = world.many(fitted.model)
    for row in (0, 5, 77):
        alone = fitted.model(world.texts[row], world.vectors[row], world.probabilities[row])
        np.testing.assert_allclose(alone, together[row], atol=1e-4)


def test_what_is_expected_of_a_row_does_not_know_its_own_outcome(world: Twins) -> None:
    changed = world.rows(np.arange(len(world.texts)))
    changed.scores = world.scores.copy()
    changed.scores[0] = 1.0 - changed.scores[0]  # its twin, row 1, had the opposite
    model, expected = changed.fit()
    towards_the_twin = (expected[0] - model.means) * (changed.scores[1] - 0.5)
    assert towards_the_twin.min() > 0.05
    assert (world.many(model).max(axis=1) - expected.max(axis=1)).mean() > 0.01


def _spent(quality: np.ndarray, costs: np.ndarray, price: float) -> float:
    return float(costs[(quality - price * costs).argmax(axis=1)].mean())


def test_a_price_keeps_its_budget_on_new_prompts_if_it_is_set_on_what_is_expected() -> None:
    costs, limit = np.array([70.0, 8.0, 8.0]), 30.0
    world = Twins(900)
    generator = np.random.default_rng(0)
    better = np.repeat(generator.random((900, 3)) < (0.65, 0.4, 0.4), 2, axis=0)
    world.scores = better.astype(float)
    # A third of the prompts have a twin among those that were shown, whether shown or new.
    order = generator.permutation(1800)
    shown, new = world.rows(order[:600]), world.rows(order[600:])
    model, expected = shown.fit()
    assert model.neighbours is not None
    told = new.many(model)
    honest = price_for(expected, costs, limit).price
    assert _spent(told, costs, honest) <= limit * 1.15
    # Shown prompts look more certain than new ones, and the price would be too low.
    assert _spent(told, costs, price_for(shown.many(model), costs, limit).price) > limit * 1.3
