"""The service as the unmodified ``langchain-openai`` package sees it, in both of its protocols."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from tests.e2e.conftest import Server
from tests.e2e.support import added_expert

PROTOCOLS = pytest.mark.parametrize("responses", [False, True], ids=["chat", "responses"])


def model(server: Server, name: str, *, responses: bool, **options: Any) -> ChatOpenAI:
    url: Any = f"{server.url}/v1"
    key: Any = server.key
    return ChatOpenAI(
        model=name, base_url=url, api_key=key, max_retries=0, use_responses_api=responses, **options
    )


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@PROTOCOLS
def test_an_answer_and_a_stream(server: Server, responses: bool) -> None:
    chat = model(server, "coe", responses=responses, stream_usage=True)
    answer = chat.invoke("one two three")
    assert answer.text == "one two three"
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] == 6
    chunks = list(chat.stream("one two three"))
    assert [chunk.text for chunk in chunks if chunk.text] == ["one", " two", " three"]
    counted = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    assert [usage["total_tokens"] for usage in counted] == [6]


@PROTOCOLS
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_loop(server: Server, responses: bool, streamed: bool) -> None:
    chat = model(server, "caller", responses=responses).bind_tools([add])
    messages: list[Any] = [HumanMessage("What is 1 + 2, and what is 3 + 4?")]
    if streamed:
        first, *rest = chat.stream(messages)
        said: Any = sum(rest, first)
    else:
        said = chat.invoke(messages)
    assert [call["args"] for call in said.tool_calls] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    results = [add.invoke(call) for call in said.tool_calls]
    assert [result.content for result in results if isinstance(result, ToolMessage)] == ["3", "7"]
    final = chat.invoke([*messages, said, *results])
    assert isinstance(final, AIMessage)
    assert final.text == "3 and 7"


class Place(BaseModel):
    """A place."""

    name: str
    people: int


@PROTOCOLS
def test_structured_output(server: Server, responses: bool) -> None:
    chat = model(server, "coe", responses=responses).with_structured_output(Place)
    assert chat.invoke('{"name": "Paris", "people": 2}') == Place(name="Paris", people=2)


@PROTOCOLS
async def test_asynchronous(server: Server, responses: bool) -> None:
    chat = model(server, "generalist", responses=responses)
    assert (await chat.ainvoke("one two")).text == "one two"
    texts = [chunk.text async for chunk in chat.astream("one two")]
    assert "".join(texts) == "one two"


def test_a_stream_that_fails_raises(server: Server) -> None:
    chat = model(server, "unsteady", responses=True)
    with pytest.raises(ValueError, match="expert_answer_invalid"):
        list(chat.stream("one two three four"))


def test_vectors(server: Server) -> None:
    url, key = f"{server.url}/v1", server.key
    fields: dict[str, Any] = {"provider": "scripted", "capabilities": ["embeddings"]}
    with added_expert(server, id="langchain-vectors", **fields) as expert:
        embedder = OpenAIEmbeddings(
            model=expert, base_url=url, api_key=key, check_embedding_ctx_length=False
        )  # type: ignore[arg-type,unused-ignore]
        first, second = embedder.embed_documents(["one two", "two one"])
    assert first == pytest.approx(second)
    assert sum(part * part for part in first) == pytest.approx(1, rel=1e-3)
