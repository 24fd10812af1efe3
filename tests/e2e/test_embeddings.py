"""``/v1/embeddings`` as the unmodified ``openai`` package and a plain client see it."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.e2e.conftest import Server
from tests.e2e.support import added_expert, row_of, upstream_expert

VECTORS: dict[str, Any] = {"capabilities": ["embeddings"], "price": {"input": 2.0}}


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def expert(server: Server) -> Iterator[str]:
    with added_expert(server, id="vectors", provider="scripted", accepts=[], **VECTORS) as expert:
        yield expert


def test_vectors_and_their_record(client: OpenAI, server: Server, expert: str) -> None:
    raw = client.embeddings.with_raw_response.create(model=expert, input=["one two", "three"])
    answer = raw.parse()
    row = row_of(server, raw.headers["x-coe-request-id"])
    assert [one.index for one in answer.data] == [0, 1]
    assert len(answer.data[0].embedding) == 16
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (3, 3)
    assert (row["api"], row["status"], row["expert"]) == ("embeddings", "ok", expert)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (3, 0)
    assert row["cost_usd"] == pytest.approx(6e-6)
    assert raw.headers["x-coe-expert"] == expert


def test_formats_and_dimensions(client: OpenAI, server: Server, expert: str) -> None:
    wanted: dict[str, Any] = {"model": expert, "input": "one", "dimensions": 4}
    plain = client.embeddings.create(encoding_format="float", **wanted).data[0].embedding
    assert client.embeddings.create(**wanted).data[0].embedding == pytest.approx(plain)
    with server.client() as http:
        packed = http.post("/v1/embeddings", json={**wanted, "encoding_format": "base64"}).json()
    decoded = struct.unpack("<4f", base64.b64decode(packed["data"][0]["embedding"]))
    assert list(decoded) == pytest.approx(plain)


def test_tokens_are_taken_too(client: OpenAI, expert: str) -> None:
    one = client.embeddings.create(model=expert, input=[17, 23])
    two = client.embeddings.create(model=expert, input=[[17, 23], [4]])
    assert (len(one.data), len(two.data)) == (1, 2)
    assert one.data[0].embedding == two.data[0].embedding


def test_bytes_pass_both_ways(server: Server) -> None:
    with upstream_expert(server, "remote-vectors", "echo", **VECTORS) as remote:
        body = {"model": "remote-vectors", "input": ["one"], "dimensions": 3, "tomorrow": {"x": 1}}
        with server.client() as http:
            answer = http.post("/v1/embeddings", json=body)
            seen = http.post(f"{remote.url}/embeddings", json={**body, "model": "echo"})
        assert answer.content == seen.content
        assert remote.ledger.requests[0] == {**body, "model": "echo"}


def test_each_kind_of_expert_does_its_own_work(client: OpenAI, expert: str) -> None:
    messages: Any = [{"role": "user", "content": "hi"}]
    with pytest.raises(openai.BadRequestError, match="does not chat") as chatting:
        client.chat.completions.create(model=expert, messages=messages)
    with pytest.raises(openai.BadRequestError, match="does not chat"):
        client.responses.create(model=expert, input="hi")
    with pytest.raises(openai.BadRequestError, match="makes no embeddings") as embedding:
        client.embeddings.create(model="generalist", input="hi")
    for error in (chatting, embedding):
        assert (error.value.code, error.value.param) == ("expert_lacks_capability", "model")


def test_the_router_does_not_know_them(server: Server, expert: str) -> None:
    with server.client() as http:
        decision = http.post("/v1/route", json={"input": "Turn this into a vector."}).json()
        models = [model["id"] for model in http.get("/v1/models").json()["data"]]
    assert expert not in [candidate["id"] for candidate in decision["candidates"]]
    assert expert in models


def test_errors(client: OpenAI, server: Server) -> None:
    with pytest.raises(openai.BadRequestError, match="must name an expert") as routed:
        client.embeddings.create(model="coe", input="hi")
    assert routed.value.param == "model"
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="no-such-model", input="hi")
    with added_expert(
        server, id="lost-vectors", provider="scripted", model="fail:500", **VECTORS
    ) as lost:
        with pytest.raises(openai.InternalServerError) as failed:
            client.embeddings.create(model=lost, input="hi")
        assert failed.value.code == "expert_failed"
        request_id = failed.value.response.headers["x-coe-request-id"]
        assert row_of(server, request_id)["error_code"] == "expert_failed"
    with (
        added_expert(
            server, id="no-vectors", provider="python", capabilities=["embeddings"]
        ) as none,
        pytest.raises(openai.InternalServerError, match="makes no embeddings"),
    ):
        client.embeddings.create(model=none, input="hi")
