"""Categories found by clustering, and categories worth splitting."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import StaticEmbedder
from router.data import DatasetInvalid
from router.learned import discover, incoherent
from router.learned.clusters import assign, spherical_kmeans
from router.taxonomy import _ID
from tests.unit.router.learned.conftest import World, make_world


def test_finds_the_kinds_and_names_them(world: World) -> None:
    vectors = StaticEmbedder().embed(world.texts)
    found = discover(world.texts, vectors, count=4, seed=3)
    assert len(found) == 4
    assert sorted(row for each in found for row in each.rows) == list(range(len(world.texts)))
    for each in found:
        labels = [world.labels[row] for row in each.rows]
        assert max(labels.count(label) for label in set(labels)) / len(labels) > 0.9
        assert _ID.fullmatch(each.id)
        assert set(each.examples) <= set(each.rows)
        said = " ".join(world.texts[row] for row in each.rows)
        assert all(re.search(rf"\b{word}\b", said) for word in each.keywords)
    assert len({each.id for each in found}) == 4


def test_chooses_a_number_of_kinds_itself(world: World) -> None:
    found = discover(world.texts, StaticEmbedder().embed(world.texts))
    assert 2 <= len(found) <= 12


def test_small_groups_are_dissolved(world: World) -> None:
    found = discover(world.texts, StaticEmbedder().embed(world.texts), count=16, smallest=6)
    assert min(len(each.rows) for each in found) >= 6


def test_the_same_seed_finds_the_same(world: World) -> None:
    vectors = StaticEmbedder().embed(world.texts)
    assert discover(world.texts, vectors, seed=5) == discover(world.texts, vectors, seed=5)


def test_says_what_is_missing(world: World) -> None:
    with pytest.raises(DatasetInvalid, match="too few"):
        discover(world.texts[:3], world.vectors[:3])
    with pytest.raises(DatasetInvalid, match="not equally many"):
        discover(world.texts, world.vectors[:-1])


def test_names_are_fit_for_a_taxonomy_whatever_the_words() -> None:
    texts = [
        f"{word} {n}" for word in ("名前 は", "ответ где", "???", "ok " * 30) for n in range(6)
    ]
    found = discover(texts, StaticEmbedder().embed(texts), count=4)
    assert all(_ID.fullmatch(each.id) for each in found)
    assert len({each.id for each in found}) == len(found)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 30), count=st.integers(1, 12), seed=st.integers(0, 9), copies=st.booleans())
def test_kmeans_gives_unit_centres(n: int, count: int, seed: int, copies: bool) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 5)).astype(np.float32)
    if copies:
        vectors[:] = vectors[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    centres = spherical_kmeans(vectors, count, seed)
    assert centres.shape == (min(n, count), 5)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1.0, atol=1e-4)
    assert assign(vectors, centres).max() < len(centres)


def test_a_category_of_two_kinds_is_worth_splitting() -> None:
    world = make_world()
    vectors = StaticEmbedder().embed(world.texts)
    merged = np.where(world.numbers == 3, 0, world.numbers)  # bank and music in one
    (split,) = incoherent(vectors, merged)
    assert split.category == 0
    assert split.similarity < 0
    kinds = [{world.labels[row] for row in part[:8]} for part in split.parts]
    assert sorted(map(sorted, kinds)) == [["bank"], ["music"]]


def test_coherent_categories_are_left_alone() -> None:
    world = make_world()
    assert incoherent(StaticEmbedder().embed(world.texts), world.numbers) == ()
    assert incoherent(world.vectors, np.zeros(len(world.texts), dtype=np.intp)) == ()
