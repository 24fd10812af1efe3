"""The Responses and the Messages protocol, embeddings, and the client of the ``openai`` package."""

from __future__ import annotations

import itertools
import json
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coe_client import (
    APIConnectionError,
    APIResponseInvalidError,
    APIStatusError,
    AsyncCoe,
    Coe,
    ExpertFailedError,
)
from coe_client.chunks import MessageReader, ResponseReader
from coe_client.lines import Lines
from coe_client.openai import AsyncOpenAI, OpenAI, explanation_of, route_of
from tests.integration.client.endpoints import event
from tests.integration.client.loopback import Service

RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "status": "completed",
    "output": [
        {"type": "reasoning", "content": None},
        {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]},
    ],
}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "content": [{"type": "thinking", "thinking": "..."}, {"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
}
RESPONSE_EVENTS = [
    event({"type": "response.created", "sequence_number": 0, "response": RESPONSE}),
    event({"type": "response.output_text.delta", "delta": "Hel"}),
    event({"type": "response.output_text.delta", "delta": "lo"}),
    event({"type": "response.completed", "response": RESPONSE}),
]
MESSAGE_EVENTS = [
    event({"type": "message_start", "message": MESSAGE}),
    event(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}}
    ),
    event(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}}
    ),
    event({"type": "message_stop"}),
]


def test_a_response(client: Coe, service: Service) -> None:
    service.will_answer(200, RESPONSE, x_coe_expert="ada")
    answer = client.responses.create("Hi", max_output_tokens=9, explain=True, coe={"max_cost": 0.1})
    assert (answer.text, answer.route.expert, answer.status) == ("Hello", "ada", "completed")
    assert service.seen[0].body == {
        "model": "coe",
        "input": "Hi",
        "max_output_tokens": 9,
        "coe": {"max_cost": 0.1, "explain": True},
    }
    service.will_answer(200, {"object": "response.input_tokens", "input_tokens": 3})
    assert client.responses.count_tokens([{"role": "user", "content": "Hi"}]).input_tokens == 3
    service.will_stream(RESPONSE_EVENTS)
    with client.responses.create("Hi", stream=True) as stream:
        events = list(stream)
    assert "".join(told.delta or "" for told in events) == "Hello"
    assert events[-1].response is not None
    assert events[-1].response.text == "Hello"


async def test_a_message_async(async_client: AsyncCoe, service: Service) -> None:
    service.will_answer(200, MESSAGE, x_coe_expert="ada")
    answer = await async_client.messages.create("Hi", max_tokens=9, system="Be brief.")
    assert (answer.text, answer.route.expert, answer.stop_reason) == ("Hello", "ada", "end_turn")
    assert service.seen[0].body == {
        "model": "coe",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
        "system": "Be brief.",
    }
    service.will_answer(200, {"input_tokens": 3})
    assert (await async_client.messages.count_tokens("Hi")).input_tokens == 3
    service.will_stream(MESSAGE_EVENTS)
    async with await async_client.messages.create("Hi", max_tokens=9, stream=True) as stream:
        assert "".join([told.text async for told in stream]) == "Hello"


def test_an_error_inside_either_stream(client: Coe, service: Service) -> None:
    said = {"code": "expert_failed", "message": "It went wrong.", "param": None}
    service.will_stream([RESPONSE_EVENTS[1], event({"type": "error", **said})])
    with client.responses.create("x", stream=True) as stream:
        assert next(stream).delta == "Hel"
        with pytest.raises(ExpertFailedError, match="It went wrong"):
            next(stream)
    service.will_stream([event({"type": "error", "error": {"type": "api_error", **said}})])
    with (
        client.messages.create("x", max_tokens=1, stream=True) as messages,
        pytest.raises(ExpertFailedError),
    ):
        list(messages)


def test_a_part_is_not_the_whole(client: Coe, service: Service) -> None:
    service.will_stream(RESPONSE_EVENTS[:-1])
    with (
        client.responses.create("x", stream=True) as stream,
        pytest.raises(APIConnectionError, match="broke off"),
    ):
        list(stream)
    service.will_stream([b"data: 1\n\n"])
    with (
        client.messages.create("x", max_tokens=1, stream=True) as messages,
        pytest.raises(APIResponseInvalidError),
    ):
        list(messages)


@given(cuts=st.lists(st.integers(0, 400), max_size=8))
@pytest.mark.parametrize(
    ("reader", "events"), [(ResponseReader, RESPONSE_EVENTS), (MessageReader, MESSAGE_EVENTS)]
)
def test_any_cuts_of_the_same_bytes(reader: Any, events: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(events)
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    read = reader("req-1")
    pieces = (whole[a:b] for a, b in itertools.pairwise(places))
    found = [told.type for piece in pieces for told in read.feed(piece)]
    assert found == [json.loads(one.removeprefix(b"data: "))["type"] for one in events]
    read.finish()


@given(data=st.binary(max_size=40))
def test_any_event_is_read_or_refused_with_our_error(data: bytes) -> None:
    for reader in (ResponseReader("r"), MessageReader("r")):
        try:
            list(reader.feed(b"data: " + data.replace(b"\n", b"") + b"\n\n"))
        except (APIResponseInvalidError, APIStatusError) as error:
            assert error.request_id == "r"


@given(text=st.text("ab\n", max_size=20), cut=st.integers(0, 20))
def test_lines(text: str, cut: int) -> None:
    lines = Lines()
    pieces = [text[:cut].encode(), text[cut:].encode()]
    found = [line for piece in pieces for line in lines.feed(piece)] + list(lines.rest())
    assert found == [line.encode() for line in text.split("\n") if line]


def test_embeddings(client: Coe, service: Service) -> None:
    service.will_answer(200, {"data": [{"index": 0, "embedding": [0.5, 1.0]}], "usage": {}})
    found = client.embeddings.create(["Hi"], model="embedder", dimensions=2)
    assert found.data[0].embedding == [0.5, 1.0]
    assert service.seen[0].body == {"model": "embedder", "input": ["Hi"], "dimensions": 2}


def test_the_openai_client(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("COE_BASE_URL", service.url)
    monkeypatch.delenv("COE_API_KEY", raising=False)
    with pytest.raises(ValueError, match="COE_API_KEY"):
        OpenAI()
    monkeypatch.setenv("COE_API_KEY", service.key)
    asked: list[Any] = [{"role": "user", "content": "Hi"}]
    with OpenAI(max_retries=0) as client:
        assert isinstance(client, openai.OpenAI)
        raw = client.with_options(timeout=9).chat.completions.with_raw_response.create(
            model="coe", messages=asked, extra_body={"coe": {"explain": True}}
        )
        assert route_of(raw).expert == "ada"
        explained = explanation_of(raw.parse())
        assert explained is not None
        assert explained.cost_usd == 0.00021
        plain = client.chat.completions.create(model="coe", messages=asked)
        assert explanation_of(plain) is None
    assert all(seen.headers["authorization"] == f"Bearer {service.key}" for seen in service.seen)


async def test_the_openai_client_async(service: Service) -> None:
    async def key() -> str:
        return service.key

    async with AsyncOpenAI(base_url=f"{service.url}/v1/", api_key=key) as client:
        stream = await client.chat.completions.create(
            model="coe", messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You said: Hi"
