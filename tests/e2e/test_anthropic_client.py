"""``/v1/messages`` as the unmodified ``anthropic`` package sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import OpenAI

from tests.e2e.conftest import Server
from tests.e2e.support import added_expert, eventually, make_key, row_of, upstream_expert
from tests.e2e.test_openai_client import PIXEL

TOOLS: list[Any] = [
    {
        "name": "add",
        "description": "Add two numbers.",
        "input_schema": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        },
    }
]


def asked(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def client(server: Server) -> Iterator[Anthropic]:
    with Anthropic(base_url=server.url, api_key=server.key, max_retries=0) as client:
        yield client


def test_an_answer_and_its_record(client: Anthropic, server: Server) -> None:
    raw = client.messages.with_raw_response.create(
        model="coe-economy", max_tokens=100, system="Be brief.", messages=asked("one two three")
    )
    answer = raw.parse()
    row = row_of(server, raw.headers["x-coe-request-id"])
    assert [(block.type, block.text) for block in answer.content] == [("text", "one two three")]  # type: ignore[union-attr]
    assert (answer.role, answer.stop_reason) == ("assistant", "end_turn")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (5, 3)
    assert (row["api"], row["status"]) == ("messages", "ok")
    assert (row["prompt_tokens"], row["completion_tokens"]) == (5, 3)
    assert raw.headers["request-id"] == row["request_id"]
    assert raw.headers["x-coe-expert"] == row["expert"]


def test_a_stream_and_its_record(client: Anthropic, server: Server) -> None:
    with client.messages.stream(
        model="generalist", max_tokens=100, messages=asked("one two three")
    ) as stream:
        assert "".join(stream.text_stream) == "one two three"
        final = stream.get_final_message()
        request_id = stream.request_id
    assert final.stop_reason == "end_turn"
    assert (final.usage.input_tokens, final.usage.output_tokens) == (3, 3)
    assert request_id
    row = row_of(server, request_id)
    assert (row["api"], row["status"], row["streamed"]) == ("messages", "ok", True)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_parallel_tool_use_and_results(client: Anthropic, streamed: bool) -> None:
    messages = asked("What is 1 + 2, and what is 3 + 4?")
    options: dict[str, Any] = {"model": "caller", "max_tokens": 100, "tools": TOOLS}
    if streamed:
        with client.messages.stream(messages=messages, **options) as stream:
            answer: Any = stream.get_final_message()
    else:
        answer = client.messages.create(messages=messages, **options)
    assert answer.stop_reason == "tool_use"
    uses = [block for block in answer.content if block.type == "tool_use"]
    assert [use.input for use in uses] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    results = [
        {"type": "tool_result", "tool_use_id": use.id, "content": str(sum(use.input.values()))}
        for use in uses
    ]
    messages += [
        {"role": "assistant", "content": answer.content},
        {"role": "user", "content": results},
    ]
    again = client.messages.create(messages=messages, **options)
    assert [block.text for block in again.content] == ["3 and 7"]  # type: ignore[union-attr]


def test_the_tool_runner_works_a_task_to_its_end(client: Anthropic) -> None:
    added: list[tuple[int, int]] = []

    @anthropic.beta_tool
    def add(a: int, b: int) -> str:
        """Add two numbers.

        Args:
            a: One.
            b: The other.
        """
        added.append((a, b))
        return str(a + b)

    runner = client.beta.messages.tool_runner(
        model="caller", max_tokens=100, tools=[add], messages=asked("What is 1 + 2, and 3 + 4?")
    )
    final = runner.until_done()
    assert added == [(1, 2), (3, 4)]
    assert [block.text for block in final.content] == ["3 and 7"]  # type: ignore[union-attr]


def test_thought_is_shown_to_those_who_ask(client: Anthropic, server: Server) -> None:
    script = "think:Let me see|finish:length|echo"
    with added_expert(server, id="messages-thinker", provider="scripted", model=script) as expert:
        options: dict[str, Any] = {
            "model": expert, "max_tokens": 2000, "messages": asked("one two"),
        }  # fmt: skip
        plain = client.messages.create(**options)
        with client.messages.stream(
            **options, thinking={"type": "enabled", "budget_tokens": 1024}
        ) as stream:
            final = stream.get_final_message()
        again = client.messages.create(
            **{**options, "messages": [
                *options["messages"],
                {"role": "assistant", "content": final.content},
                *asked("three"),
            ]},
        )  # fmt: skip
    assert [block.type for block in plain.content] == ["text"]
    assert plain.stop_reason == "max_tokens"
    thought, said = final.content
    assert thought.type == "thinking"
    assert thought.thinking == "Let me see"
    assert said.type == "text"
    assert again.content[0].text == "three"  # type: ignore[union-attr]


def test_a_picture_goes_to_an_expert_that_sees(client: Anthropic) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL.partition(",")[2]}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    messages: list[Any] = [{"role": "user", "content": content}]
    raw = client.messages.with_raw_response.create(model="coe", max_tokens=9, messages=messages)
    assert raw.headers["x-coe-expert"] == "generalist"
    with pytest.raises(anthropic.BadRequestError, match="vision"):
        client.messages.create(model="coder", max_tokens=9, messages=messages)


def test_structured_output(client: Anthropic) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    raw = client.messages.with_raw_response.create(
        model="coe",
        max_tokens=99,
        messages=asked('{"name": "Paris"}'),
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    assert raw.headers["x-coe-expert"] == "generalist"  # the coder answers no JSON
    assert raw.parse().content[0].text == '{"name": "Paris"}'  # type: ignore[union-attr]


def test_a_strategy_answers_too(client: Anthropic) -> None:
    with client.messages.stream(
        model="coe-direct",
        max_tokens=9,
        messages=asked("one two three"),
        extra_body={"coe": {"explain": True}},
    ) as stream:
        events = list(stream)
        final = stream.get_final_message()
    assert final.content[0].text == "one two three"  # type: ignore[union-attr]
    (delta,) = [event for event in events if event.type == "message_delta"]
    assert (delta.model_extra or {})["coe"]["run"]["strategy"] == "direct"


def test_tokens_are_counted_by_estimate(client: Anthropic) -> None:
    few = client.messages.count_tokens(model="coe", messages=asked("one two three"))
    many = client.messages.count_tokens(
        model="coe", messages=asked("one two three " * 50), tools=TOOLS, system="Be brief."
    )
    assert 3 <= few.input_tokens <= 12
    assert many.input_tokens > few.input_tokens + 100


def test_a_client_that_goes_away_stops_the_expert(server: Server) -> None:
    """As in chat: the translation in between holds nothing up and hides nothing."""
    body = {"model": "messages-slow", "max_tokens": 9, "stream": True, "messages": asked("hi")}
    with upstream_expert(server, "messages-slow", "pace:0.05|fixed:" + "word " * 200) as remote:
        with (
            httpx.Client(base_url=server.url, headers=server.headers) as http,
            http.stream("POST", "/v1/messages", json=body) as answer,
        ):
            assert next(answer.iter_lines()) == "event: message_start"
            request_id = answer.headers["request-id"]
        assert eventually(lambda: remote.ledger.cancelled == 1)
        assert row_of(server, request_id)["status"] == "cancelled"


def test_errors_are_the_clients_own(client: Anthropic, server: Server) -> None:
    create = client.messages.create
    options: dict[str, Any] = {"max_tokens": 9, "messages": asked("one two three four")}
    with pytest.raises(anthropic.AuthenticationError) as stranger:
        client.with_options(api_key="sk-coe-wrong").messages.create(model="coe", **options)
    assert stranger.value.request_id
    with pytest.raises(anthropic.NotFoundError, match="no-such-model"):
        create(model="no-such-model", **options)
    with pytest.raises(anthropic.BadRequestError, match="'max_tokens'"):
        create(model="coe", max_tokens=0, messages=asked("hi"))
    with pytest.raises(anthropic.InternalServerError) as failed:
        create(model="overdue", **options)
    assert failed.value.status_code == 504
    assert failed.value.type == "timeout_error"
    with pytest.raises(anthropic.APIStatusError, match="middle of its answer") as broken:
        list(create(model="unsteady", stream=True, **options))
    body: Any = broken.value.body
    assert body["error"]["type"] == "api_error"
    assert row_of(server, body["request_id"])["status"] == "failed"


def test_limits_and_budgets(server: Server) -> None:
    """A used-up limit and a used-up budget, as each protocol's clients know them."""

    def limited(**limits: Any) -> str:
        made = make_key(server)
        with server.client() as http:
            answer = http.put(f"/admin/api/limits/keys/{made['id']}", json=limits)
            assert answer.status_code == 200, answer.text
        key: str = made["key"]
        return key

    options: dict[str, Any] = {"model": "coe", "max_tokens": 9, "messages": asked("one two")}
    busy = limited(requests_per_minute=1)
    with Anthropic(base_url=server.url, api_key=busy, max_retries=0) as client:
        client.messages.create(**options)
        with pytest.raises(anthropic.RateLimitError) as limit:
            client.messages.create(**options)
        assert limit.value.type == "rate_limit_error"
        assert int(limit.value.response.headers["retry-after"]) >= 1
    with (
        Anthropic(base_url=server.url, api_key=limited(usd_per_day=0), max_retries=0) as client,
        pytest.raises(anthropic.APIStatusError) as budget,
    ):
        client.messages.create(**options)
    assert (budget.value.status_code, budget.value.type) == (402, "billing_error")
    with (
        OpenAI(base_url=f"{server.url}/v1", api_key=busy, max_retries=0) as other,
        pytest.raises(openai.RateLimitError) as known,
    ):
        other.responses.create(model="coe", input="one two")
    assert known.value.code == "rate_limit_exceeded"


def test_errors_before_the_endpoint_have_the_same_shape(server: Server) -> None:
    with server.client() as http:
        answers = [
            http.get("/v1/messages"),
            http.post("/v1/messages/no-such-path"),
            http.post("/v1/messages", content=b"{"),
            httpx.post(f"{server.url}/v1/messages", json={}),
        ]
    kinds = [(answer.status_code, answer.json()["error"]["type"]) for answer in answers]
    assert kinds == [
        (405, "invalid_request_error"),
        (404, "not_found_error"),
        (400, "invalid_request_error"),
        (401, "authentication_error"),
    ]
    for answer in answers:
        assert answer.json()["request_id"] == answer.headers["request-id"]


async def test_asynchronous(server: Server) -> None:
    async with (
        AsyncAnthropic(base_url=server.url, api_key=server.key, max_retries=0) as client,
        client.messages.stream(model="coe", max_tokens=9, messages=asked("one two")) as stream,
    ):
        assert [text async for text in stream.text_stream] == ["one", " two"]
