"""``/v1/responses`` as the unmodified ``openai`` package sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.e2e.conftest import Server
from tests.e2e.support import added_expert, row_of, upstream_expert
from tests.e2e.test_openai_client import PIXEL

TOOLS: list[Any] = [
    {
        "type": "function",
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        },
        "strict": False,
    }
]


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0) as client:
        yield client


def test_an_answer_and_its_record(client: OpenAI, server: Server) -> None:
    raw = client.responses.with_raw_response.create(
        model="coe-economy", instructions="Be brief.", input="one two three"
    )
    answer = raw.parse()
    row = row_of(server, raw.headers["x-coe-request-id"])
    assert (answer.status, answer.output_text) == ("completed", "one two three")
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (5, 3)
    assert (row["api"], row["status"], row["streamed"]) == ("responses", "ok", False)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (5, 3)
    assert raw.headers["x-coe-expert"] == row["expert"]
    assert float(raw.headers["x-coe-cost"]) == pytest.approx(row["cost_usd"], abs=1e-12)
    assert answer.instructions == "Be brief."
    assert answer.id == "resp_" + row["request_id"].removeprefix("req_")


def test_a_stream_and_its_record(client: OpenAI, server: Server) -> None:
    with client.responses.stream(
        model="generalist",
        input="one two three",
        extra_body={"coe": {"explain": True}},
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_text.delta") == 3
    assert final.output_text == "one two three"
    assert final.usage is not None
    assert (final.usage.input_tokens, final.usage.output_tokens) == (3, 3)
    explanation = (final.model_extra or {})["coe"]
    row = row_of(server, explanation["request_id"])
    assert (row["api"], row["status"], row["streamed"]) == ("responses", "ok", True)
    assert explanation["expert"] == row["expert"] == "generalist"


def call_results(output: list[Any]) -> list[Any]:
    """The items that answer the function calls of a response."""
    return [
        {
            "type": "function_call_output",
            "call_id": item.call_id,
            "output": str(sum(json.loads(item.arguments).values())),
        }
        for item in output
        if item.type == "function_call"
    ]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_parallel_tool_calls_and_their_results(client: OpenAI, streamed: bool) -> None:
    asked: list[Any] = [{"role": "user", "content": "What is 1 + 2, and what is 3 + 4?"}]
    if streamed:
        with client.responses.stream(model="caller", input=asked, tools=TOOLS) as stream:
            kinds = {event.type for event in stream}
            answer: Any = stream.get_final_response()
        assert {
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
        } <= kinds
    else:
        answer = client.responses.create(model="caller", input=asked, tools=TOOLS)
    calls = [item for item in answer.output if item.type == "function_call"]
    assert [json.loads(item.arguments) for item in calls] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    results = call_results(answer.output)
    assert [result["output"] for result in results] == ["3", "7"]
    again = client.responses.create(
        model="caller", input=[*asked, *answer.output, *results], tools=TOOLS
    )
    assert again.output_text == "3 and 7"


class _Place(BaseModel):
    name: str
    people: int


def test_structured_output_is_parsed_by_the_client(client: OpenAI) -> None:
    answer = client.responses.parse(
        model="coe", input='{"name": "Paris", "people": 2000000}', text_format=_Place
    )
    assert answer.output_parsed == _Place(name="Paris", people=2_000_000)


def test_a_picture_goes_to_an_expert_that_sees(client: OpenAI) -> None:
    content: list[Any] = [
        {"type": "input_text", "text": "What is on this picture?"},
        {"type": "input_image", "image_url": PIXEL, "detail": "low"},
    ]
    asked: list[Any] = [{"role": "user", "content": content}]
    raw = client.responses.with_raw_response.create(model="coe", input=asked)
    assert raw.headers["x-coe-expert"] == "generalist"
    with pytest.raises(openai.BadRequestError) as blind:
        client.responses.create(model="coder", input=asked)
    assert blind.value.code == "expert_lacks_capability"


def test_reasoning_is_shown_and_what_is_cut_off_is_incomplete(
    client: OpenAI, server: Server
) -> None:
    script = "think:Let me see|finish:length|echo"
    with added_expert(server, id="responses-thinker", provider="scripted", model=script) as expert:
        answer = client.responses.create(model=expert, input="one two")
        with client.responses.stream(
            model=expert, input="one two", reasoning={"effort": "low", "summary": "auto"}
        ) as stream:
            events = list(stream)
    thought = answer.output[0]
    assert thought.type == "reasoning"
    assert thought.content
    assert thought.content[0].text == "Let me see"
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    summary = [e.delta for e in events if e.type == "response.reasoning_summary_text.delta"]
    assert "".join(summary) == "Let me see"
    assert events[-1].type == "response.incomplete"


def test_a_strategy_answers_too(client: OpenAI) -> None:
    with client.responses.stream(model="coe-direct", input="one two three") as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == "one two three"
    assert "response.reasoning_text.delta" in kinds
    assert client.responses.create(model="coe-direct", input="one two").output_text == "one two"


def test_errors_are_the_clients_own(client: OpenAI, server: Server) -> None:
    create = client.responses.create
    with pytest.raises(openai.AuthenticationError) as stranger:
        client.with_options(api_key="sk-coe-wrong").responses.create(model="coe", input="hi")
    assert stranger.value.code == "invalid_api_key"
    with pytest.raises(openai.NotFoundError) as unknown:
        create(model="no-such-model", input="hi")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as stored:
        create(model="coe", input="hi", previous_response_id="resp_1")
    assert stored.value.param == "previous_response_id"
    assert "send the conversation so far" in stored.value.message
    with pytest.raises(openai.BadRequestError) as built_in:
        create(model="coe", input="hi", tools=[{"type": "web_search"}])
    assert built_in.value.param == "tools[0].type"
    with pytest.raises(openai.InternalServerError) as failed:
        create(model="overdue", input="hi", stream=True)
    assert failed.value.code == "expert_timeout"


def test_tokens_are_counted(client: OpenAI) -> None:
    few = client.responses.input_tokens.count(model="coe", input="one two three")
    many = client.responses.input_tokens.count(
        model="coe", input="one two three " * 50, tools=TOOLS, instructions="Be brief."
    )
    assert 3 <= few.input_tokens <= 12
    assert many.input_tokens > few.input_tokens + 100


def test_an_error_in_a_stream_ends_it_as_failed(client: OpenAI, server: Server) -> None:
    raw = client.responses.with_raw_response.create(
        model="unsteady", input="one two three four", stream=True
    )
    *_, said, failed = raw.parse()
    assert (said.type, failed.type) == ("error", "response.failed")
    assert said.code == "expert_answer_invalid"
    assert failed.response.status == "failed"
    assert row_of(server, raw.headers["x-coe-request-id"])["status"] == "failed"


def test_the_expert_is_asked_for_a_chat_completion(client: OpenAI, server: Server) -> None:
    with upstream_expert(server, "responses-remote", "echo", model="upstream-model") as remote:
        client.responses.create(
            model="responses-remote",
            instructions="Be brief.",
            input="hi",
            max_output_tokens=5,
            temperature=0.5,
            reasoning={"effort": "low"},
            extra_body={"top_k": 3},
        )
        (sent,) = remote.ledger.requests
    assert sent == {
        "model": "upstream-model",
        "stream": False,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hi"},
        ],
        "max_completion_tokens": 5,
        "temperature": 0.5,
        "reasoning_effort": "low",
        "top_k": 3,
    }


async def test_asynchronous(server: Server) -> None:
    url = f"{server.url}/v1"
    async with AsyncOpenAI(base_url=url, api_key=server.key, max_retries=0) as client:
        stream = await client.responses.create(model="coe", input="one two three", stream=True)
        deltas = [e.delta async for e in stream if e.type == "response.output_text.delta"]
    assert "".join(deltas) == "one two three"
