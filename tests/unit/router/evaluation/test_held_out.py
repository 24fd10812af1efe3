"""A described router measured on its own examples, and prompts drawn in a plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import Category, HashingEmbedder, Router, Taxonomy, build_router
from router.classifier import Settings, fit, training_rows
from router.evaluation.held_out import held_out
from router.evaluation.projection import project, spread

WORDS = {
    "sea": "mast harbour keel tide rudder anchor knot spinnaker jib wind",
    "food": "oven flour butter simmer garlic recipe roast dough sauce spice",
}


def _router(count: int) -> Router:
    rng = np.random.default_rng(0)
    categories = [
        Category(
            name,
            name,
            f"About {name}.",
            tuple(f"{' '.join(rng.choice(words.split(), 4))} {n}" for n in range(count)),
            ("word",),
        )
        for name, words in WORDS.items()
    ]
    categories.append(Category("general", "General", "All else.", ("hello", "a joke")))
    return build_router(Taxonomy(tuple(categories)), HashingEmbedder(64), name="t")


def test_it_is_measured_on_examples_alone_and_held_out() -> None:
    router = _router(20)
    found = held_out(router)
    assert found is not None
    assert found["n"] == 42
    counts = np.array(found["confusion"]["counts"])
    assert counts.sum() == 42
    assert counts.sum(axis=1).tolist() == [20, 20, 2]
    assert found["category_accuracy"] == pytest.approx(np.trace(counts) / 42)
    low, high = found["category_accuracy_ci95"]
    assert low < found["category_accuracy"] < high
    assert sum(each["n"] for each in found["reliability"]) == 42
    assert found["risk_coverage"]["points"][-1] == [
        1.0,
        pytest.approx(1.0 - found["category_accuracy"]),
    ]
    rows = training_rows(router.taxonomy, router.embedder, Settings())
    said = fit(rows, 3, Settings()).held_out.probabilities
    examples = [
        number
        for number, text in enumerate(rows.texts)
        if text != "word" and not text.startswith(("sea. ", "food. ", "General. "))
    ]
    right = said[examples].argmax(axis=1) == rows.labels[examples]
    assert found["category_accuracy"] == pytest.approx(right.mean())


def test_too_few_examples_say_nothing() -> None:
    assert held_out(_router(1)) is None


def test_a_plane_keeps_what_differs_most_and_is_the_same_every_time() -> None:
    rng = np.random.default_rng(1)
    along = rng.normal(size=(50, 1)) * [[5.0, 0.0, 0.0, 0.0]]
    across = rng.normal(size=(50, 1)) * [[0.0, 0.0, 2.0, 0.0]]
    vectors = (along + across + 0.01 * rng.normal(size=(50, 4))).astype(np.float32)
    found = project(vectors)
    assert np.abs(found.places).max() == pytest.approx(1.0)
    assert found.explained[0] > found.explained[1] > 0.0
    assert found.explained.sum() == pytest.approx(1.0, abs=1e-3)
    ratio = np.corrcoef(found.places[:, 0], along[:, 0])[0, 1]
    assert ratio == pytest.approx(1.0, abs=1e-3), "the axis points where the loading is positive"
    assert np.array_equal(found.places, project(vectors).places)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_vectors_are_drawn_too(rows: int) -> None:
    found = project(np.ones((rows, 3), dtype=np.float32))
    assert found.places.shape == (rows, 2)
    assert not found.places.any()


@given(st.integers(0, 500), st.integers(0, 50))
def test_those_drawn_are_spread_evenly(count: int, most: int) -> None:
    rows = spread(count, most)
    assert len(rows) == min(count, most)
    assert len(set(rows.tolist())) == len(rows)
    if most > 1 and count:
        assert rows[0] == 0
        assert rows[-1] == count - 1
