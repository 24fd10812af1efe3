"""The learned classifier: it learns, it is stored exactly, it says what is wrong with its rows."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.data import DatasetInvalid
from router.features import BUCKETS
from router.learned import Fitted, LearnedClassifier, LearnedSettings, fit_classifier
from tests.unit.router.learned.conftest import CATEGORIES, World, make_world

DECIDE = """
import sys
import numpy as np
from router.features import BUCKETS
from router.learned import LearnedClassifier
f32 = lambda *shape: np.ones(shape, dtype=np.float32)
arrays = dict(rarity=f32(BUCKETS), buckets=np.arange(3, dtype=np.int32), lexical=f32(3, 2),
    dense=f32(4, 2), intercept=f32(2), mean=f32(5), transform=f32(5, 4), prototypes=f32(1, 4))
classifier = LearnedClassifier.load(arrays, dict(weights=[1, 1, 1], temperature=1))
classifier("hello", f32(5))
print(sorted({name.split(".")[0] for name in sys.modules} & {"sklearn", "scipy"}))
"""
ANY = settings(max_examples=60, deadline=None)


def test_learns_and_generalises(world: World, fitted: Fitted) -> None:
    held_out = fitted.held_out.probabilities.argmax(axis=1)
    assert (held_out == world.numbers).mean() > 0.9
    new = ["please lock my card", "can you book a ferry", "how do i grill the fish"]
    found = fitted.classifier.many(new, world.vectors_of(new)).probabilities.argmax(axis=1)
    assert found.tolist() == [0, 1, 2]


def test_probabilities_are_probabilities_and_many_is_one_by_one(
    world: World, fitted: Fitted
) -> None:
    many = fitted.classifier.many(world.texts, world.vectors)
    np.testing.assert_allclose(many.probabilities.sum(axis=1), 1.0)
    one = fitted.classifier(world.texts[5], world.vectors[5])
    np.testing.assert_array_equal(one.probabilities, many.probabilities[5])
    assert one.nearest == many.nearest[5]
    assert fitted.classifier.many([], world.vectors[:0]).probabilities.shape == (0, 4)


@ANY
@given(text=st.text(st.characters(), max_size=80))
def test_any_text_gets_probabilities(text: str) -> None:
    classifier = _small().classifier
    evidence = classifier(text, make_world().vectors_of([text])[0])
    assert evidence.probabilities.sum() == pytest.approx(1.0)
    assert np.isfinite(evidence.nearest)


_SMALL: list[Fitted] = []


def _small() -> Fitted:
    if not _SMALL:
        world = make_world()
        _SMALL.append(fit_classifier(world.texts, world.vectors, world.labels, CATEGORIES))
    return _SMALL[0]


def test_a_stored_classifier_decides_exactly_the_same(world: World, fitted: Fitted) -> None:
    arrays = fitted.classifier.arrays()
    again = LearnedClassifier.load(arrays, fitted.classifier.settings())
    for name, array in again.arrays().items():
        np.testing.assert_array_equal(array, arrays[name])
    texts = [*world.texts, "nothing of the kind", ""]
    vectors = world.vectors_of(texts)
    before, after = fitted.classifier.many(texts, vectors), again.many(texts, vectors)
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    np.testing.assert_array_equal(before.nearest, after.nearest)


def test_the_same_seed_gives_the_same_classifier(world: World, fitted: Fitted) -> None:
    again = fit_classifier(world.texts, world.vectors, world.labels, CATEGORIES, seed=1)
    for name, array in again.classifier.arrays().items():
        np.testing.assert_array_equal(array, fitted.classifier.arrays()[name])
    np.testing.assert_array_equal(again.held_out.probabilities, fitted.held_out.probabilities)


def test_deciding_imports_neither_scikit_learn_nor_scipy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", DECIDE], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_temperature_says_how_sure_to_be(world: World) -> None:
    """Where a third of the labels is noise, held-out confidence is near held-out accuracy."""
    rng = np.random.default_rng(0)
    labels = [
        str(rng.choice(CATEGORIES)) if rng.random() < 0.35 else label for label in world.labels * 4
    ]
    vectors = np.vstack([world.vectors] * 4)
    texts = [f"{text} {number}" for number, text in enumerate(world.texts * 4)]
    found = fit_classifier(texts, vectors, labels, CATEGORIES)
    top = found.held_out.probabilities.argmax(axis=1)
    accuracy = (top == found.labels).mean()
    assert found.held_out.probabilities.max(axis=1).mean() == pytest.approx(accuracy, abs=0.12)


def test_rows_without_a_label_are_not_learned_from(world: World) -> None:
    labels = [label if row % 3 else None for row, label in enumerate(world.labels)]
    found = fit_classifier(world.texts, world.vectors, labels, CATEGORIES)
    aside = found.labels < 0
    assert aside.sum() == 16
    predicted = found.held_out.probabilities[aside].argmax(axis=1)
    assert (predicted == world.numbers[aside]).mean() > 0.8


def test_only_trusted_rows_set_the_temperature(world: World) -> None:
    wrong = [CATEGORIES[(CATEGORIES.index(label) + 1) % 4] for label in world.labels]
    labels = [
        w if row % 4 == 0 else r for row, (w, r) in enumerate(zip(wrong, world.labels, strict=True))
    ]
    trusted = [row % 4 != 0 for row in range(len(labels))]
    all_rows = fit_classifier(world.texts, world.vectors, labels, CATEGORIES)
    some = fit_classifier(world.texts, world.vectors, labels, CATEGORIES, trusted=trusted)
    assert some.classifier.temperature < all_rows.classifier.temperature


def test_marks_of_trust_are_one_a_row(world: World) -> None:
    with pytest.raises(DatasetInvalid, match="marks of trust"):
        fit_classifier(world.texts, world.vectors, world.labels, CATEGORIES, trusted=[True])


def test_the_embedding_alone_is_stored_too(world: World) -> None:
    alone = LearnedSettings(weights=(0.0, 0.0, 0.0), folds=0)
    found = fit_classifier(
        world.texts, world.vectors, world.labels, CATEGORIES, settings=alone
    ).classifier
    again = LearnedClassifier.load(found.arrays(), found.settings())
    np.testing.assert_array_equal(
        again.many(world.texts, world.vectors).probabilities,
        found.many(world.texts, world.vectors).probabilities,
    )


def test_general_may_be_empty_and_is_then_never_chosen(world: World) -> None:
    found = fit_classifier(world.texts, world.vectors, world.labels, ["general", *CATEGORIES])
    assert not (found.held_out.probabilities.argmax(axis=1) == 0).any()
    assert found.held_out.probabilities[:, 0].max() < 0.05


def test_a_category_of_one_prompt_is_learned(world: World) -> None:
    labels = [*world.labels, "rare"]
    texts = [*world.texts, "zebra xylophone quartz"]
    found = fit_classifier(texts, world.vectors_of(texts), labels, [*CATEGORIES, "rare"])
    again = found.classifier("zebra xylophone quartz", world.vectors_of(texts)[-1])
    assert again.probabilities.argmax() == 4
    assert found.held_out.probabilities[-1].argmax() != 4, "it was not shown when held out"


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_categories(world: World, count: int) -> None:
    kept = world.numbers < count
    texts = [text for text, keep in zip(world.texts, kept, strict=True) if keep]
    labels = [label for label, keep in zip(world.labels, kept, strict=True) if keep]
    found = fit_classifier(texts, world.vectors[kept], labels, CATEGORIES[:count])
    top = found.classifier.many(texts, world.vectors[kept]).probabilities.argmax(axis=1)
    np.testing.assert_array_equal(top, found.labels)


def test_no_cross_validation_with_fewer_than_two_folds(world: World) -> None:
    found = fit_classifier(
        world.texts, world.vectors, world.labels, CATEGORIES, settings=LearnedSettings(folds=0)
    )
    assert found.classifier.temperature > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, v, labels, c: (t, v, labels, [*c, "empty"]), "category 'empty' has no labelled"),
        (lambda t, v, labels, c: (t, v, labels, [*c, "bank"]), "category 'bank' is there twice"),
        (lambda t, v, labels, c: (t, v, ["typo", *labels[1:]], c), "row 0: 'typo' is not one of"),
        (lambda t, v, labels, c: ([*t[:2], b"\xff", *t[3:]], v, labels, c), "row 2: .* bytes"),
        (lambda t, v, labels, c: (t, _nan(v, 3), labels, c), "row 3: .* no number"),
        (lambda t, v, labels, c: (t[1:], v, labels, c), "not equally many"),
        (lambda t, v, *_: (t, v, [None] * len(t), ["general"]), "no row has a label"),
        (lambda t, v, labels, c: (t, v.ravel()[: len(t)], labels, c), "not one row a text"),
    ],
)
def test_says_which_row_or_category_is_wrong(world: World, change: Any, message: str) -> None:
    rows = change(list(world.texts), world.vectors, list(world.labels), list(CATEGORIES))
    with pytest.raises(DatasetInvalid, match=message):
        fit_classifier(*rows)


def _nan(vectors: Any, row: int) -> Any:
    copy = vectors.copy()
    copy[row, 0] = np.nan
    return copy


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("dense", lambda a: a[:, :2], "'lexical'|'dense'"),
        ("intercept", lambda a: a * np.nan, "no number"),
        ("buckets", lambda a: a + BUCKETS, "below"),
        ("buckets", lambda a: a.astype(np.float32), "whole numbers"),
        ("prototypes", lambda a: a[:0], "no categories"),
        ("mean", lambda a: a[:-1], "'transform'"),
        ("rarity", None, "lacks rarity"),
    ],
)
def test_refuses_parts_that_do_not_fit(
    fitted: Fitted, name: str, change: Any, message: str
) -> None:
    arrays = fitted.classifier.arrays()
    if change is None:
        del arrays[name]
    else:
        arrays[name] = change(arrays[name])
    with pytest.raises(ValueError, match=message):
        LearnedClassifier.load(arrays, fitted.classifier.settings())


@pytest.mark.parametrize(
    "found", [{}, {"weights": [1, 2], "temperature": 1}, {"weights": [1, 1, 1], "temperature": 0}]
)
def test_refuses_settings_it_cannot_use(fitted: Fitted, found: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="settings"):
        LearnedClassifier.load(fitted.classifier.arrays(), found)


def test_a_megabyte_is_classified(world: World, fitted: Fitted) -> None:
    text = "please freeze my card " * 50_000
    vector = world.vectors_of([text])[0]
    assert fitted.classifier(text, vector).probabilities.argmax() == 0
