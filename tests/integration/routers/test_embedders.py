"""Routers learned with an embedder that not every replica has, or that is slow."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from orchestrator.routers import building
from router import Embedder, HashingEmbedder
from router.artifact import Artifact, pack, seal
from router.data import Dataset
from router.embedding import FloatArray
from router.embedding.resolve import EmbedderResolver
from router.learning import learn
from tests.integration.routers.conftest import MakeReplica, Replica

SUBJECTS = {
    "cooking": ("soup", "bread", "rice", "beans", "pasta", "salad", "stew", "cake"),
    "law": ("contract", "court", "appeal", "landlord", "statute", "rights", "tort", "lease"),
}


class Encoder:
    """Stands for a model that takes its time; notes who ran it."""

    id = "encoder-1"
    dimensions = 64
    batch = 8

    def __init__(self) -> None:
        self.threads: set[int] = set()
        self._base = HashingEmbedder(64)

    def description(self) -> dict[str, Any]:
        return {"kind": "encoder"}

    def embed(self, texts: Sequence[str]) -> FloatArray:
        self.threads.add(threading.get_ident())
        time.sleep(0.002 * len(texts))
        return self._base.embed(texts)


@pytest.fixture(scope="module")
def learned() -> Artifact:
    pairs = [
        (f"{start} {word}?", label)
        for label, words in SUBJECTS.items()
        for word in words
        for start in ("What is a", "Tell me all about", "How do I treat my")
    ]
    prompts, labels = zip(*pairs, strict=True)
    scores = np.array([[float(label == "law"), float(label != "law")] for label in labels])
    data = Dataset(tuple(map(str, range(len(prompts)))), prompts, labels, ("ada", "bo"), scores)
    return learn(data, Encoder())


@pytest.fixture
def equipped(monkeypatch: pytest.MonkeyPatch) -> list[Embedder]:
    """What the replicas made from now on find; routers are the learned ones."""
    found: list[Embedder] = []

    class Resolver(EmbedderResolver):
        def _built(self, described: Any, arrays: Any, depth: int) -> Embedder:
            if described.get("kind") == "encoder" and found:
                return found[0]
            return super()._built(described, arrays, depth)

    def make_resolver(folder: Any, known: Any, wrap: Any) -> EmbedderResolver:
        del folder
        return Resolver((), known, hint="look elsewhere", wrap=wrap)

    monkeypatch.setattr("orchestrator.bootstrap.parts.make_resolver", make_resolver)
    return found


def _really(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.bootstrap.parts.build_from", building.build_from)


async def _import(replica: Replica, artifact: Artifact) -> str:
    answer = await replica.client.post("/admin/api/routers", content=pack(artifact))
    assert answer.status_code == 201, answer.text
    version: str = answer.json()["id"]
    return version


async def test_decisions_never_run_the_model_on_the_event_loop(
    make_replica: MakeReplica,
    equipped: list[Embedder],
    learned: Artifact,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _really(monkeypatch)
    encoder = Encoder()
    equipped.append(encoder)
    replica = await make_replica()
    version = await _import(replica, learned)
    answer = await replica.client.post(f"/admin/api/routers/{version}/promote")
    assert answer.status_code == 200, answer.text

    async def asked(word: str) -> str:
        given = await replica.client.post("/v1/route", json={"input": f"Tell me about a {word}"})
        assert given.status_code == 200, given.text
        category: str = given.json()["category"]
        return category

    words = [word for words in SUBJECTS.values() for word in words]
    kinds = await asyncio.gather(*map(asked, words))
    told = [label for label, own in SUBJECTS.items() for _ in own]
    assert all(kind in {label, "general"} for kind, label in zip(kinds, told, strict=True))
    assert {"law", "cooking"} <= set(kinds)
    message = {"role": "user", "content": "Is my landlord right?"}
    chat = {"model": "coe", "messages": [message]}
    assert (await replica.client.post("/v1/chat/completions", json=chat)).status_code == 200
    assert encoder.threads
    assert threading.get_ident() not in encoder.threads


async def test_a_replica_without_the_model_says_so_and_keeps_its_router(
    make_replica: MakeReplica,
    equipped: list[Embedder],
    learned: Artifact,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _really(monkeypatch)
    equipped.append(Encoder())
    able = await make_replica()
    version = await _import(able, learned)
    answer = await able.client.post(f"/admin/api/routers/{version}/promote")
    assert answer.status_code == 200, answer.text
    equipped.clear()
    lacking = await make_replica()
    assert (await lacking.decided_by()).startswith("built-in")
    shown = (await lacking.client.get("/admin/api/router")).json()
    assert [(each["id"], each["status"]) for each in shown["failures"]] == [(version, "active")]
    assert "knows no kind 'encoder'" in shown["failures"][0]["reason"]


async def test_a_model_that_is_not_here_is_refused_with_a_sentence(
    make_replica: MakeReplica,
    equipped: list[Embedder],
    learned: Artifact,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _really(monkeypatch)
    assert not equipped
    replica = await make_replica()
    wanted = {"id": "onnx-ab-128", "kind": "onnx", "name": "minilm", "sha256": "ab" * 32}
    other = seal({**learned.manifest, "embedder": wanted}, learned.tensors)
    answer = await replica.client.post("/admin/api/routers", content=pack(other))
    assert answer.status_code == 400
    message = answer.json()["error"]["message"]
    assert "no model 'minilm'" in message
    assert message.endswith("look elsewhere.")
    page = (await replica.client.get("/admin/api/routers")).json()
    assert [row["id"] for row in page["data"]] == ["starter"]
