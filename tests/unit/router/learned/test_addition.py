"""One more category: it is recognised, and every stored prompt keeps its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.data import DatasetInvalid
from router.learned import Fitted, LearnedClassifier, Prompts, add_category, regression_set
from tests.unit.router.learned.conftest import World, make_world

NEW = (
    "will it rain in oslo tomorrow",
    "what is the weather in lima",
    "is it going to snow today",
    "how hot will it be on sunday",
    "tell me the forecast for berlin",
)
_FITTED: list[Fitted] = []


def _prompts(world: World, texts: tuple[str, ...]) -> Prompts:
    return Prompts(texts, world.vectors_of(texts))


def test_the_new_category_is_recognised_and_the_others_stay(world: World, fitted: Fitted) -> None:
    stored = Prompts(world.texts, world.vectors)
    before = fitted.classifier.many(*stored).probabilities.argmax(axis=1)
    addition = add_category(fitted.classifier, _prompts(world, NEW), stored)
    after = addition.classifier.many(*stored).probabilities.argmax(axis=1)
    np.testing.assert_array_equal(before, after)
    assert addition.recognised.all()
    assert not addition.overlaps
    unseen = ("what is the weather in berlin", "will it snow on sunday")
    found = addition.classifier.many(*_prompts(world, unseen)).probabilities.argmax(axis=1)
    assert found.tolist() == [4, 4]


def test_the_other_columns_are_not_touched(world: World, fitted: Fitted) -> None:
    stored = Prompts(world.texts, world.vectors)
    grown = add_category(fitted.classifier, _prompts(world, NEW), stored).classifier
    for text, vector in zip(world.texts, world.vectors, strict=True):
        old, new = fitted.classifier.scores(text, vector)[0], grown.scores(text, vector)[0]
        np.testing.assert_allclose(new[:4], old, atol=1e-5)
    again = LearnedClassifier.load(grown.arrays(), grown.settings())
    np.testing.assert_array_equal(
        again.many(*stored).probabilities, grown.many(*stored).probabilities
    )


@settings(max_examples=15, deadline=None)
@given(rows=st.sets(st.integers(0, 47), min_size=1, max_size=6), seed=st.integers(0, 9))
def test_stored_prompts_keep_their_category_whatever_is_added(rows: set[int], seed: int) -> None:
    """Even examples that are all but copies of stored prompts take nothing away."""
    world = make_world()
    if not _FITTED:
        from router.learned import fit_classifier
        from tests.unit.router.learned.conftest import CATEGORIES

        _FITTED.append(fit_classifier(world.texts, world.vectors, world.labels, CATEGORIES))
    classifier = _FITTED[0].classifier
    stored = Prompts(world.texts, world.vectors)
    examples = tuple(f"{world.texts[row]} now" for row in sorted(rows))
    addition = add_category(classifier, _prompts(world, examples), stored, seed=seed)
    np.testing.assert_array_equal(
        classifier.many(*stored).probabilities.argmax(axis=1),
        addition.classifier.many(*stored).probabilities.argmax(axis=1),
    )
    assert set(addition.overlaps) == set(np.flatnonzero(~addition.recognised).tolist())


def test_an_example_of_another_category_is_refused(world: World, fitted: Fitted) -> None:
    stored = Prompts(world.texts, world.vectors)
    with pytest.raises(DatasetInvalid, match="example 1 of the new category"):
        add_category(fitted.classifier, _prompts(world, (NEW[0], world.texts[3])), stored)
    with pytest.raises(DatasetInvalid, match="no example"):
        add_category(fitted.classifier, Prompts((), world.vectors[:0]), stored)


def test_without_stored_prompts_too(world: World, fitted: Fitted) -> None:
    nothing = Prompts((), world.vectors[:0])
    addition = add_category(fitted.classifier, _prompts(world, NEW), nothing)
    assert addition.recognised.all()


def test_the_regression_set_holds_the_hardest_of_each_category(
    world: World, fitted: Fitted
) -> None:
    probabilities = fitted.classifier.many(world.texts, world.vectors).probabilities
    chosen = regression_set(probabilities, world.numbers, each=4)
    assert np.bincount(world.numbers[chosen]).tolist() == [4, 4, 4, 4]
    margin = np.diff(np.sort(probabilities, axis=1)[:, -2:], axis=1).ravel()
    for label in range(4):
        assert np.flatnonzero(world.numbers == label)[
            margin[world.numbers == label].argmin()
        ] in set(chosen.tolist())
    assert not len(regression_set(probabilities, np.full(48, -1)))
