"""Two servers over the same Postgres and Redis: what changes on one holds on the other at once."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import numpy as np
import pytest

from router import StaticEmbedder
from router.artifact import pack
from router.data import Dataset
from router.learning import learn
from tests.e2e.conftest import Server
from tests.e2e.support import eventually, make_key, question, row_of, upstream

SECONDS = 1.0


@pytest.fixture
def replicas(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, redis_url: str
) -> Iterator[tuple[Server, Server]]:
    """Two servers that share their stores and have nothing of their own but a directory."""
    environ = {
        "DATABASE_URL": postgres_url.replace("postgresql+psycopg://", "postgresql://"),
        "REDIS_URL": redis_url,
        "COE_SECRET_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
    }
    first = Server(tmp_path_factory.mktemp("replica"), environ=environ)
    second = Server(tmp_path_factory.mktemp("replica"), environ=environ)
    with ExitStack() as stopped:
        stopped.callback(lambda: first.stop())
        first.start()
        # Only the first that starts makes a key.
        (second.data_dir / "admin-key").write_text(first.key)
        stopped.callback(lambda: second.stop())
        second.start()
        yield first, second


def _within_a_second(check: Callable[[], bool]) -> None:
    began = time.monotonic()
    assert eventually(check, SECONDS), f"not after {time.monotonic() - began:.2f} s"


def _entry(expert: str, url: str) -> dict[str, Any]:
    return {
        "id": expert,
        "provider": "openai",
        "model": "echo",
        "endpoints": [{"url": url, "api_key": {"stored": "shared-secret"}}],
        "accepts": ["executable"],
    }


# One test, since two servers take their time to start.
def test_two_servers_on_the_same_stores(replicas: tuple[Server, Server]) -> None:
    first, second = replicas
    with first.client() as one, second.client() as two:
        # The first admin key is made once, and both know it.
        assert (
            one.get("/admin/api/keys").json()["data"] == two.get("/admin/api/keys").json()["data"]
        )
        _agree_on_keys(first, second)
        _agree_on_experts(first, second)
        _agree_on_routers(first, second)
    _go_on_without(first, second)


def _agree_on_keys(first: Server, second: Server) -> None:
    made = make_key(first)
    with (
        first.client() as one,
        httpx.Client(base_url=second.url, headers={"x-api-key": made["key"]}) as stranger,
    ):
        # Not even a moment later: a key that is not known yet is looked up.
        assert stranger.get("/v1/models").status_code == 200
        assert stranger.get("/v1/models/coder").status_code == 200
        bound = one.patch(f"/admin/api/keys/{made['id']}", json={"experts": ["generalist"]})
        assert bound.status_code == 200, bound.text
        _within_a_second(lambda: stranger.get("/v1/models/coder").status_code == 404)
        asked = stranger.post("/v1/chat/completions", json=question("coder"))
        assert asked.json()["error"]["code"] == "expert_not_allowed"
        assert one.delete(f"/admin/api/keys/{made['id']}").status_code == 204
        _within_a_second(lambda: stranger.get("/v1/models").status_code == 401)


def _agree_on_experts(first: Server, second: Server) -> None:
    with first.client() as one, second.client() as two, upstream("echo") as remote:
        secret = {"value": "value-of-the-secret"}
        assert one.put("/admin/api/secrets/shared-secret", json=secret).status_code == 204
        added = one.post("/admin/api/experts", json=_entry("replicated", remote.url))
        assert added.status_code == 201, added.text
        _within_a_second(lambda: two.get("/v1/models/replicated").status_code == 200)
        answer = two.post("/v1/chat/completions", json=question("replicated", "one two"))
        assert answer.json()["choices"][0]["message"]["content"] == "one two"
        assert remote.ledger.headers[0]["authorization"] == "Bearer value-of-the-secret"
        # Whichever of them writes it: the row is seen on both.
        request_id = answer.headers["x-coe-request-id"]
        assert row_of(first, request_id) == row_of(second, request_id)
        assert two.delete("/admin/api/experts/replicated").status_code == 204
        _within_a_second(lambda: one.get("/v1/models/replicated").status_code == 404)


def _agree_on_routers(first: Server, second: Server) -> None:
    """Promote and roll back under load: both follow within a second and no request is dropped."""
    seen: list[tuple[int, str | None]] = []
    done = threading.Event()

    def ask(server: Server) -> None:
        with server.client() as client:
            while not done.is_set():
                answer = client.post("/v1/chat/completions", json=question("coe", "My roses"))
                seen.append((answer.status_code, answer.headers.get("x-coe-router-version")))

    with first.client() as one, second.client() as two, ThreadPoolExecutor(4) as pool:
        headers = {"content-type": "application/octet-stream"}
        made = one.post("/admin/api/routers", content=_artefact(), headers=headers)
        assert made.status_code == 201, made.text
        version = made.json()
        asking = [pool.submit(ask, server) for server in (first, second) for _ in range(2)]
        try:
            promoted = one.post(f"/admin/api/routers/{version['id']}/promote")
            assert promoted.status_code == 200, promoted.text
            assert one.get("/admin/api/router").json()["id"] == version["id"]
            _within_a_second(lambda: two.get("/admin/api/router").json()["id"] == version["id"])
            assert two.post("/admin/api/routers/rollback").json()["id"] == "starter"
            _within_a_second(lambda: one.get("/admin/api/router").json()["id"] == "starter")
        finally:
            done.set()
        for each in asking:
            each.result(20)
    assert {status for status, _ in seen} == {200}
    assert version["version"] in {name for _, name in seen}


def _artefact() -> bytes:
    words = {"cooking": "soup bread rice beans curry", "gardening": "roses lawn seeds hedge ivy"}
    labelled = [
        (f"{start} {word}", label)
        for label, those in words.items()
        for word in those.split()
        for start in ("All about", "How do I treat", "What of")
    ]
    data = Dataset(
        ids=tuple(str(number) for number in range(len(labelled))),
        prompts=tuple(prompt for prompt, _ in labelled),
        categories=tuple(label for _, label in labelled),
        experts=("generalist", "coder"),
        scores=np.array([[label == "cooking", label != "cooking"] for _, label in labelled], float),
    )
    return pack(learn(data, StaticEmbedder()))


def _go_on_without(killed: Server, other: Server) -> None:
    killed.kill()
    with other.client() as client:
        for _ in range(5):
            answer = client.post("/v1/chat/completions", json=question("generalist"))
            assert answer.status_code == 200
            row_of(other, answer.headers["x-coe-request-id"])
        added = {"id": "alone", "provider": "scripted", "model": "echo"}
        assert client.post("/admin/api/experts", json=added).status_code == 201
        assert client.get("/readyz").json()["status"] == "ok"
    killed.start()
    with killed.client() as client:
        assert client.get("/v1/models/alone").status_code == 200
