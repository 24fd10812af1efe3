"""One conformance suite over every embedder, then what is particular to each."""

import sys
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import Embedder, HashingEmbedder, StaticEmbedder
from router.embedding import static

EMBEDDERS: list[Embedder] = [StaticEmbedder(), HashingEmbedder(), HashingEmbedder(dimensions=64)]
TEXTS = [
    "How do I boil an egg?",
    "Beweise, dass die Wurzel aus 2 irrational ist.",
    "你好，很高兴认识你",
    "🏳️‍🌈👩‍👩‍👧",
    "a",
    " ",
    "\n\t",
    "\x00",
    "1 2 3 4",
]


@pytest.fixture(params=EMBEDDERS, ids=lambda embedder: embedder.id)
def embedder(request: pytest.FixtureRequest) -> Embedder:
    found: Embedder = request.param
    return found


def test_gives_one_normalised_float32_row_a_text(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_the_empty_text_is_like_nothing(embedder: Embedder) -> None:
    assert not embedder.embed([""]).any()
    assert np.isfinite(embedder.embed(["", "x"])).all()


def test_same_text_same_vector(embedder: Embedder) -> None:
    np.testing.assert_array_equal(embedder.embed(TEXTS), embedder.embed(TEXTS))


def test_a_batch_is_its_texts_one_by_one(embedder: Embedder) -> None:
    single = np.vstack([embedder.embed([text]) for text in TEXTS])
    np.testing.assert_allclose(embedder.embed(TEXTS), single, atol=1e-6)


def test_alike_texts_are_nearer_than_others(embedder: Embedder) -> None:
    one, alike, other = embedder.embed(
        [
            "How do I cook rice in a pot?",
            "How long do I cook brown rice in the pot?",
            "The court dismissed the appeal.",
        ]
    )
    assert one @ alike > one @ other


def test_a_megabyte_is_cut_cheaply(embedder: Embedder) -> None:
    embedder.embed(["warm"])
    for text in ("lorem ipsum " * 90_000, "x" * 1_000_000, "語" * 1_000_000):
        started = time.perf_counter()
        assert np.isfinite(embedder.embed([text])).all()
        assert time.perf_counter() - started < 0.25


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=60), max_size=4))
def test_any_text_gives_unit_or_empty_rows(texts: list[str]) -> None:
    for embedder in EMBEDDERS:
        norms = np.linalg.norm(embedder.embed(texts), axis=1)
        assert all(abs(norm - 1) < 1e-4 or norm == 0 for norm in norms)


def test_half_a_surrogate_pair_is_no_trouble(embedder: Embedder) -> None:
    assert np.isfinite(embedder.embed(["broken \ud83d half", "\udc00"])).all()


def test_memory_stays_bounded_over_many_texts() -> None:
    embedder = StaticEmbedder()
    embedder.embed(["warm"])
    tracemalloc.start()
    for number in range(300):
        embedder.embed([f"text number {number} " * 300])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_each_distinct_token_counts_once() -> None:
    embedder = StaticEmbedder()
    once, often = embedder.embed([" cat dog", " cat dog dog dog dog"])
    np.testing.assert_allclose(once, often, atol=1e-6)


def test_reads_nothing_until_the_first_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "_PACKAGE", "no_such_package_anywhere")
    embedder = StaticEmbedder()
    assert embedder.id
    with pytest.raises(ModuleNotFoundError, match="pip install no_such_package_anywhere"):
        embedder.embed(["x"])


def test_says_which_file_a_release_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "_VECTORS", "weights/gone.safetensors")
    with pytest.raises(FileNotFoundError, match=r"weights/gone\.safetensors"):
        StaticEmbedder().embed(["x"])


def test_never_imports_the_package_whose_files_it_reads() -> None:
    StaticEmbedder().embed(["x"])
    assert "wordllama" not in sys.modules


def test_hashing_needs_a_dimension() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        HashingEmbedder(dimensions=0)
