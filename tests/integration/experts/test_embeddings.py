"""What every provider of vectors promises (:mod:`experts.providers.protocol`)."""

from __future__ import annotations

import base64
import dataclasses
import struct
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from experts.calling.call import ExpertCaller
from experts.calling.embedding import EmbeddingRegistry
from experts.calling.registry import ProviderRegistry
from experts.catalogue.expert import Endpoint, Expert
from experts.errors import (
    ExpertAnswerInvalid,
    ExpertError,
    ExpertFailed,
    ExpertMisconfigured,
    RequestRefused,
)
from experts.providers.answers import check_embeddings
from experts.providers.litellm import LiteLLMProvider
from experts.providers.local import LocalProvider
from experts.providers.openai import OpenAIProvider
from experts.providers.protocol import EmbeddingProvider, ExpertCall, Usage
from experts.providers.scripted import ScriptedProvider
from experts.providers.scripted_server import ScriptedServer
from experts.providers.upstream import Upstream

from .conftest import LITELLM_WARNS

pytestmark = LITELLM_WARNS


@dataclasses.dataclass
class Case:
    """A provider, and an expert of it."""

    provider: EmbeddingProvider
    expert: Expert
    url: str | None = None

    async def ask(self, **fields: Any) -> dict[str, Any]:
        body = {"model": self.expert.model, "input": ["one two", "three"], **fields}
        call = ExpertCall(self.expert, body, self.url, "sk-test-0123456789")
        answer = await self.provider.embed(call)
        assert answer.usage is not None
        assert answer.usage.prompt_tokens > 0
        assert answer.usage.completion_tokens == 0
        fields = msgspec.json.decode(answer.body)
        assert fields["object"] == "list"
        return fields


def expert_of(provider: str, model: str, url: str | None = None, **fields: Any) -> Expert:
    entry = {"id": "e", "provider": provider, "model": model, "capabilities": ["embeddings"]}
    endpoints = [Endpoint(url=url)] if url else []
    return Expert.model_validate({**entry, "endpoints": endpoints, **fields})


@pytest.fixture(scope="module", params=["openai", "litellm", "local", "scripted"])
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    name = request.param
    async with ScriptedServer() as server:
        cases = {
            "openai": lambda: Case(
                OpenAIProvider(), expert_of(name, "echo", server.url), server.url
            ),
            "litellm": lambda: Case(
                LiteLLMProvider(), expert_of(name, "openai/echo", server.url), server.url
            ),
            "local": lambda: Case(
                LocalProvider(),
                expert_of(name, "smollm2-135m-instruct", parameters={"pooling": "mean"}),
            ),
            "scripted": lambda: Case(ScriptedProvider(), expert_of(name, "echo")),
        }
        case = cases[name]()
        yield case
        await case.provider.aclose()  # type: ignore[attr-defined]


async def test_each_text_has_its_vector(case: Case) -> None:
    first, second = (await case.ask())["data"]
    assert (first["index"], second["index"]) == (0, 1)
    assert len(first["embedding"]) == len(second["embedding"])
    assert first["embedding"] != second["embedding"]
    (alone,) = (await case.ask(input="one two"))["data"]
    likeness = zip(alone["embedding"], first["embedding"], strict=True)
    assert sum(a * b for a, b in likeness) > 0.95  # of length one; batches round differently


async def test_base64_holds_the_same_numbers(case: Case) -> None:
    plain, _ = (await case.ask(encoding_format="float"))["data"]
    packed, _ = (await case.ask(encoding_format="base64"))["data"]
    data = base64.b64decode(packed["embedding"])
    decoded = struct.unpack(f"<{len(data) // 4}f", data)
    assert list(decoded) == pytest.approx(plain["embedding"], abs=1e-2)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("refuse", RequestRefused),
        ("fail:500", ExpertFailed),
        ("no-such-script", ExpertMisconfigured),
    ],
)
@pytest.mark.parametrize("provider", [OpenAIProvider, LiteLLMProvider])
async def test_failures_name_whom_to_blame(
    server: ScriptedServer, provider: Any, model: str, kind: type[ExpertError]
) -> None:
    made = provider()
    prefix = "openai/" if provider is LiteLLMProvider else ""
    expert = expert_of("litellm" if prefix else "openai", f"{prefix}{model}", server.url)
    call = ExpertCall(expert, {"model": model, "input": "hi"}, server.url, "sk-test-0123456789")
    with pytest.raises(kind):
        await made.embed(call)
    await made.aclose()


async def test_a_caller_asks_for_vectors_as_for_answers(server: ScriptedServer) -> None:
    base = ProviderRegistry()
    caller = ExpertCaller(EmbeddingRegistry(base), lambda _: "")
    expert = expert_of("openai", "echo", server.url, system_prompt="Be brief.")
    answer = await caller.complete(expert, {"input": msgspec.Raw(b'["a  b"]'), "user": "u"})
    assert answer.usage == Usage(2, 0)
    assert server.ledger.requests == [{"model": "echo", "input": ["a  b"], "user": "u"}]
    with pytest.raises(ExpertMisconfigured, match="makes no embeddings"):
        await caller.complete(expert_of("python", ""), {"input": "hi"})
    await base.aclose()


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": []}', b'{"data": 5}', b"\xff"])
def test_what_is_no_vector(body: bytes) -> None:
    with pytest.raises(ExpertAnswerInvalid):
        check_embeddings(body, Upstream("e"))


def test_an_error_object_is_the_error_it_says() -> None:
    body = b'{"error": {"message": "No.", "code": 400}}'
    with pytest.raises(RequestRefused):
        check_embeddings(body, Upstream("e"))


async def test_an_unknown_pooling_is_the_operators_mistake() -> None:
    expert = expert_of("local", "smollm2-135m-instruct", parameters={"pooling": "most"})
    provider = LocalProvider()
    with pytest.raises(ExpertMisconfigured, match=r"parameters\.pooling"):
        await provider.embed(ExpertCall(expert, {"input": "hi"}))
    await provider.aclose()
