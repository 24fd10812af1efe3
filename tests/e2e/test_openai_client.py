"""The service as the unmodified ``openai`` package sees it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.e2e.conftest import Server
from tests.e2e.support import row_of, upstream_expert

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "add",
            "description": "Add two numbers.",
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            },
        },
    }
]
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)


def asked(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0) as client:
        yield client


@asynccontextmanager
async def asynchronous(server: Server) -> AsyncIterator[AsyncOpenAI]:
    url = f"{server.url}/v1"
    async with AsyncOpenAI(base_url=url, api_key=server.key, max_retries=0) as client:
        yield client


def test_an_answer(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="generalist", messages=asked("Hello there, you"))
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == "Hello there, you"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 3)
    assert answer.model_extra == {}


def test_the_router_chooses(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="coe-quality",
        messages=asked("Write a Python function that reverses a linked list in place."),
    )
    assert answer.choices[0].message.content == "def answer(): return 42"


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": False}}])
def test_a_stream_without_usage(client: OpenAI, options: dict[str, Any]) -> None:
    stream = client.chat.completions.create(
        model="generalist", messages=asked("one two three"), stream=True, **options
    )
    chunks = list(stream)
    assert all(len(chunk.choices) == 1 and chunk.usage is None for chunk in chunks)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == "one two three"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_with_usage_has_it_in_a_last_chunk(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="generalist",
        messages=asked("one two three"),
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = stream
    assert all(chunk.usage is None for chunk in chunks)
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (3, 3)


def test_the_stream_helper_accumulates(client: OpenAI) -> None:
    with client.chat.completions.stream(model="generalist", messages=asked("a b c")) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content == "a b c"


def test_parallel_tool_calls_and_their_results(client: OpenAI) -> None:
    messages = asked("What is 1 + 2, and what is 3 + 4?")
    answer = client.chat.completions.create(
        model="caller", messages=messages, tools=TOOLS, parallel_tool_calls=True
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    message = answer.choices[0].message
    assert message.content is None
    calls = message.tool_calls or []
    functions = [call.function for call in calls if call.type == "function"]
    assert [function.name for function in functions] == ["add", "add"]
    sums = [sum(json.loads(function.arguments).values()) for function in functions]
    assert sums == [3, 7]
    messages.append(message)
    messages += [
        {"role": "tool", "tool_call_id": call.id, "content": str(result)}
        for call, result in zip(calls, sums, strict=True)
    ]
    answer = client.chat.completions.create(model="caller", messages=messages, tools=TOOLS)
    assert answer.choices[0].message.content == "3 and 7"


def test_streamed_parallel_tool_calls(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="caller", messages=asked("What is 1 + 2, and 3 + 4?"), tools=TOOLS
    ) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert [json.loads(call.function.arguments) for call in calls] == [
        {"a": 1, "b": 2},
        {"a": 3, "b": 4},
    ]
    assert len({call.id for call in calls}) == 2


def test_tools_are_routed_to_an_expert_that_has_them(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="coe", messages=asked("Write a Python function."), tools=TOOLS
    )
    assert raw.headers["x-coe-expert"] == "generalist"  # the coder has no tools


class _Place(BaseModel):
    name: str
    people: int


def test_json_object(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="coe",
        messages=asked('{"name": "Paris", "people": 2000000}'),
        response_format={"type": "json_object"},
    )
    assert json.loads(answer.choices[0].message.content or "")["name"] == "Paris"


def test_json_schema_parsed_by_the_client(client: OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="coe",
        messages=asked('{"name": "Paris", "people": 2000000}'),
        response_format=_Place,
    )
    assert answer.choices[0].message.parsed == _Place(name="Paris", people=2_000_000)


def test_an_image_goes_to_an_expert_that_sees(client: OpenAI) -> None:
    content: list[Any] = [
        {"type": "text", "text": "What is on this picture?"},
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
    ]
    raw = client.chat.completions.with_raw_response.create(
        model="coe", messages=[{"role": "user", "content": content}]
    )
    assert raw.headers["x-coe-expert"] == "generalist"
    assert raw.parse().choices[0].message.content == "What is on this picture?"
    with pytest.raises(openai.BadRequestError) as blind:
        client.chat.completions.create(
            model="coder", messages=[{"role": "user", "content": content}]
        )
    assert blind.value.code == "expert_lacks_capability"


def test_models(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {"coe", "coe-quality", "coe-balanced", "coe-economy", "generalist", "coder"} <= set(
        names
    )
    for name in ("coe", "generalist"):
        model = client.models.retrieve(name)
        assert (model.id, model.object) == (name, "model")
        kind = "policy" if name == "coe" else "expert"
        assert (model.model_extra or {})["coe"]["kind"] == kind
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_headers_tell_the_route_and_the_cost(client: OpenAI, server: Server) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="coe-economy", messages=asked("one two three")
    )
    headers = raw.headers
    row = row_of(server, headers["x-coe-request-id"])
    assert headers["x-coe-policy"] == row["policy"] == "economy"
    assert headers["x-coe-expert"] == row["expert"]
    assert headers["x-coe-category"] == row["category"]
    assert headers["x-coe-router-version"] == row["router_version"]
    assert float(headers["x-coe-confidence"]) == pytest.approx(row["confidence"])
    assert float(headers["x-coe-cost"]) == pytest.approx(row["cost_usd"], abs=1e-12)
    assert headers["x-coe-cache"] == "bypass"


def test_the_explanation_is_an_extra_field(client: OpenAI, server: Server) -> None:
    answer = client.chat.completions.create(
        model="coe", messages=asked("one two"), extra_body={"coe": {"explain": True}}
    )
    explanation = (answer.model_extra or {})["coe"]
    row = row_of(server, explanation["request_id"])
    assert explanation["expert"] == row["expert"]
    assert explanation["decision"]["router_version"] == row["router_version"]
    assert explanation["usage"] == {
        "prompt_tokens": row["prompt_tokens"],
        "completion_tokens": row["completion_tokens"],
        "estimated": False,
    }
    named = client.chat.completions.create(
        model="generalist", messages=asked("one two"), extra_body={"coe": {"explain": True}}
    )
    assert (named.model_extra or {})["coe"]["decision"] is None


def test_the_explanation_of_a_stream_is_its_last_chunk(client: OpenAI) -> None:
    *chunks, last = client.chat.completions.create(
        model="coe",
        messages=asked("one two"),
        stream=True,
        extra_body={"coe": {"explain": True}},
    )
    assert last.choices == []
    explanation = (last.model_extra or {})["coe"]
    assert explanation["usage"]["completion_tokens"] == 2
    assert last.id == chunks[0].id
    assert not any("coe" in (chunk.model_extra or {}) for chunk in chunks)


def test_errors_are_the_clients_own(client: OpenAI, server: Server) -> None:
    create = client.chat.completions.create
    with pytest.raises(openai.AuthenticationError) as unknown_key:
        client.with_options(api_key="sk-coe-wrong").chat.completions.create(
            model="coe", messages=asked("hi")
        )
    assert unknown_key.value.status_code == 401
    assert unknown_key.value.code == "invalid_api_key"
    with pytest.raises(openai.NotFoundError) as unknown_model:
        create(model="no-such-model", messages=asked("hi"))
    assert (unknown_model.value.code, unknown_model.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as wrong:
        create(model="coe", messages=[{"content": "hi"}])  # type: ignore[list-item,unused-ignore]
    assert wrong.value.param == "messages[0].role"
    assert wrong.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError) as refused:
        create(model="refusing", messages=asked("hi"))
    assert refused.value.code == "expert_refused_request"
    with pytest.raises(openai.InternalServerError) as failed:
        create(model="failing", messages=asked("hi"))
    assert (failed.value.status_code, failed.value.code) == (502, "expert_failed")
    with pytest.raises(openai.InternalServerError) as late:
        create(model="overdue", messages=asked("hi"), stream=True)
    assert (late.value.status_code, late.value.code) == (504, "expert_timeout")
    body = late.value.body
    assert isinstance(body, dict)
    assert body["request_id"] == late.value.response.headers["x-coe-request-id"]


def test_an_error_in_a_stream_is_raised(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="unsteady", messages=asked("one two three four"), stream=True
    )
    with pytest.raises(openai.APIError) as broken:
        list(stream)
    assert broken.value.code == "expert_answer_invalid"


def test_the_client_repeats_what_can_be_repeated(server: Server) -> None:
    with (
        upstream_expert(server, "openai-flaky", "flaky:1:503|echo") as remote,
        OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=2) as client,
    ):
        answer = client.chat.completions.create(model="openai-flaky", messages=asked("again"))
        assert answer.choices[0].message.content == "again"
        assert len(remote.ledger.requests) == 2


async def test_asynchronous(server: Server) -> None:
    async with asynchronous(server) as client:
        answers = await asyncio.gather(
            *(
                client.chat.completions.create(model="generalist", messages=asked(f"number {n}"))
                for n in range(10)
            )
        )
        texts = [answer.choices[0].message.content for answer in answers]
        assert texts == [f"number {n}" for n in range(10)]
        stream = await client.chat.completions.create(
            model="coe", messages=asked("one two three"), stream=True
        )
        chunks = [chunk async for chunk in stream]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert text == "one two three"
        assert "coe" in [model.id async for model in client.models.list()]
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(model="failing", messages=asked("hi"))


async def test_asynchronous_streamed_tool_calls(server: Server) -> None:
    async with (
        asynchronous(server) as client,
        client.chat.completions.stream(
            model="caller", messages=asked("Add."), tools=TOOLS
        ) as stream,
    ):
        final = await stream.get_final_completion()
    assert len(final.choices[0].message.tool_calls or []) == 2


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_fields_we_do_not_know_reach_the_expert(
    client: OpenAI, server: Server, streamed: bool
) -> None:
    expert = f"openai-fields-{'streamed' if streamed else 'whole'}"
    known = {"temperature": 0.3, "seed": 7, "stop": ["END"], "logit_bias": {"50256": -100}}
    unknown = {
        "guided_regex": "[a-z]+",
        "provider": {"order": ["x", "y"], "allow_fallbacks": False},
        "nothing": None,
        "metadata": {"deep": [1, 2.5, {"\u00e9": "\U0001f600"}]},
    }
    with upstream_expert(server, expert, "echo", model="upstream-model") as remote:
        answer: Any = client.chat.completions.create(
            model=expert,
            messages=asked("hi"),
            stream=streamed,
            extra_body={**unknown, "coe": {"explain": False}},
            **known,  # type: ignore[arg-type]
        )
        assert list(answer)
        sent = dict(remote.ledger.requests[0])
    assert sent.pop("model") == "upstream-model"
    assert sent.pop("stream") is streamed
    assert sent.pop("stream_options", None) == ({"include_usage": True} if streamed else None)
    assert sent.pop("messages") == asked("hi")
    assert sent == {**known, **unknown}
