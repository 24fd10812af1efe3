import numpy as np
import pytest

from router import (
    Category,
    HashingEmbedder,
    StaticEmbedder,
    Taxonomy,
    build_router,
    starter_taxonomy,
)
from router.classifier import (
    Classifier,
    Evidence,
    Rows,
    Settings,
    fit,
    fit_space,
    softmax,
    training_rows,
)
from router.uncertainty import Gate, GateSettings, fit_gate

GENERAL = Category(
    "general", "General", "Small talk.", ("hello there", "good morning to you", "how are you")
)
BIRDS = Category(
    "birds",
    "Birds",
    "Feathered animals.",
    ("which bird has a red beak", "feed a young bird", "do birds sing at night"),
)
BREAD = Category(
    "bread",
    "Bread",
    "Baking loaves.",
    ("knead the bread dough", "bake a loaf of bread", "sourdough bread starter"),
    ("flour, yeast, oven, crust",),
)


def fitted(
    *categories: Category, settings: Settings | None = None
) -> tuple[HashingEmbedder, Rows, Classifier, Evidence]:
    settings = settings or Settings()
    embedder = HashingEmbedder()
    taxonomy = Taxonomy(categories)
    rows = training_rows(taxonomy, embedder, settings)
    classifier, held_out = fit(rows, len(categories), settings)
    return embedder, rows, classifier, held_out


def classify(classifier: Classifier, embedder: HashingEmbedder, text: str) -> Evidence:
    return classifier(text, embedder.embed([text])[0])


def test_tells_categories_apart_from_a_few_examples() -> None:
    embedder, _, classifier, _ = fitted(BIRDS, BREAD, GENERAL)
    for expected, text in enumerate(["a bird with a beak", "my bread dough", "hello, how are"]):
        found = classify(classifier, embedder, text)
        assert found.probabilities.argmax() == expected
        assert found.probabilities.sum() == pytest.approx(1.0)
        assert -1.0 <= float(found.nearest) <= 1.0


def test_a_category_of_name_and_description_alone_can_be_found() -> None:
    fresh = Category("chess", "Chess", "Openings, endgames and tactics of the game of chess.")
    starter = starter_taxonomy()
    router = build_router(Taxonomy((fresh, *starter.categories)), StaticEmbedder(), name="test")
    found = router.classify("How do I convert an endgame with an extra pawn in chess?")
    assert router.taxonomy.ids[found.category] == "chess"
    found = router.classify("My landlord keeps my deposit")
    assert router.taxonomy.ids[found.category] == "law"


def test_a_taxonomy_of_general_alone_works() -> None:
    embedder, _, classifier, _ = fitted(Category("general", "General", "Everything."))
    assert classify(classifier, embedder, "x").probabilities.tolist() == [1.0]


def test_categories_weigh_the_same_however_much_is_said_of_them() -> None:
    _, rows, _, _ = fitted(BIRDS, BREAD, GENERAL)
    totals = [float(rows.weights[rows.labels == label].sum()) for label in range(3)]
    assert totals == pytest.approx([totals[0]] * 3)
    assert float(rows.weights.mean()) == pytest.approx(1.0)


def test_prototypes_are_limited() -> None:
    _, _, classifier, _ = fitted(BIRDS, BREAD, GENERAL, settings=Settings(prototypes=2))
    assert len(classifier.head.prototypes) == 6
    _, _, classifier, _ = fitted(BIRDS, BREAD, GENERAL, settings=Settings(most_prototypes=3))
    assert len(classifier.head.prototypes) == 3


def test_the_space_takes_away_what_all_have_in_common() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(200, 8)).astype(np.float32) + np.float32(5.0)
    moved = fit_space(vectors, axes=8)(vectors)
    assert abs(float(moved.mean())) < 0.05
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1.0, atol=1e-5)


def test_softmax_of_large_scores_is_finite() -> None:
    np.testing.assert_allclose(softmax(np.array([1e4, 1e4, -1e4])), [0.5, 0.5, 0.0])


def test_uncertainty_runs_from_sure_to_knowing_nothing() -> None:
    gate = Gate(GateSettings(), strange=0.2)
    sure, torn, flat = np.array([0.97, 0.02, 0.01]), np.array([0.45, 0.4, 0.15]), np.full(3, 1 / 3)
    found = [gate.uncertainty(p, 0.5) for p in (sure, torn, flat)]
    assert found == sorted(found)
    assert found[0] < 0.15
    assert found[1] > gate.settings.threshold
    assert found[2] == pytest.approx(1.0)


def test_a_text_like_no_prototype_is_unknown_however_sure_the_classifier() -> None:
    gate = Gate(GateSettings(), strange=0.2)
    sure = np.array([0.98, 0.01, 0.01])
    assert gate.uncertainty(sure, 0.2) < 0.1
    assert gate.uncertainty(sure, 0.05) == pytest.approx(0.75)
    assert gate.uncertainty(sure, -0.3) == 1.0
    assert gate.uncertainty(np.array([1.0]), 0.0) == 0.0


def test_strange_is_learnt_from_held_out_prompts() -> None:
    nearest = np.linspace(0, 1, 101, dtype=np.float32)
    assert fit_gate(nearest, GateSettings(strange_quantile=0.1)).strange == pytest.approx(0.1)


def test_what_was_held_out_is_calibrated_and_complete() -> None:
    _, rows, _, held_out = fitted(BIRDS, BREAD, GENERAL)
    assert held_out.probabilities.shape == (len(rows.labels), 3)
    np.testing.assert_allclose(held_out.probabilities.sum(axis=1), 1.0)
    assert held_out.nearest.shape == rows.labels.shape
