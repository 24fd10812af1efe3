"""Streamed answers, whole and broken."""

from __future__ import annotations

import json
import time

import pytest

from coe_client import (
    APIConnectionError,
    APIResponseInvalidError,
    APIStatusError,
    AsyncCoe,
    Coe,
    ExpertFailedError,
    ExpertTimedOutError,
    ServerError,
)
from tests.integration.client.endpoints import event
from tests.integration.client.loopback import Service

HELLO = event({"choices": [{"index": 0, "delta": {"content": "Hel"}}]})
LO = event({"choices": [{"index": 0, "delta": {"content": "lo"}}]})
DONE = b"data: [DONE]\n\n"


def failure(code: str | None, **more: str) -> bytes:
    return event({"error": {"message": "It went wrong.", "type": "novel", "code": code} | more})


def test_chunks_route_and_explanation(client: Coe, service: Service) -> None:
    with client.chat.create("Hi", stream=True, explain=True) as stream:
        assert stream.route.expert == "ada"
        assert stream.route.cost is None
        chunks = list(stream)
    assert "".join(chunk.text for chunk in chunks) == "You said: Hi"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].coe == stream.explanation
    assert stream.explanation is not None
    assert stream.explanation.cost_usd == 0.00021
    assert service.seen[0].body["stream"] is True
    assert service.seen[0].headers["accept"] == "text/event-stream"


async def test_chunks_route_and_explanation_async(async_client: AsyncCoe) -> None:
    stream = await async_client.chat.create("Hi", stream=True, explain=True)
    async with stream:
        assert stream.route.category == "math"
        assert "".join([chunk.text async for chunk in stream]) == "You said: Hi"
    assert stream.explanation is not None


def test_any_chunking_of_the_same_bytes(client: Coe, service: Service) -> None:
    whole = (
        b": hello\r\n\r\n"
        + HELLO.replace(b"\n", b"\r\n")
        + "é".encode().join([b'data: {"choices":\ndata: [{"delta": {"content": "', b'"}}]}\n\n'])
        + event({"choices": [], "usage": {"prompt_tokens": 7}})
        + DONE
    )
    service.will_stream([whole[i : i + 1] for i in range(len(whole))])
    with client.chat.create("x", stream=True) as stream:
        assert [chunk.text for chunk in stream] == ["Hel", "é", ""]
    assert stream.usage is not None
    assert stream.usage.prompt_tokens == 7


@pytest.mark.parametrize(
    ("code", "kind", "status"),
    [
        ("expert_unreachable", ExpertFailedError, 502),
        ("expert_answer_invalid", ExpertFailedError, 502),
        ("expert_timeout", ExpertTimedOutError, 504),
        ("something_new", ServerError, 500),
        (None, ServerError, 500),
    ],
)
def test_an_error_inside_a_stream(
    client: Coe, service: Service, code: str | None, kind: type[APIStatusError], status: int
) -> None:
    service.will_stream([HELLO + failure(code) + DONE])
    got: list[str] = []
    with pytest.raises(kind, match="It went wrong") as caught:
        got.extend(chunk.text for chunk in client.chat.create("x", stream=True))
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (
        status,
        code,
        "req-1",
    )
    assert len(service.seen) == 1


async def test_an_error_inside_a_stream_async(async_client: AsyncCoe, service: Service) -> None:
    service.will_stream([HELLO, failure("expert_timeout", request_id="req-7")])
    got: list[str] = []
    stream = await async_client.chat.create("x", stream=True)

    async def read() -> None:
        async for chunk in stream:
            got.append(chunk.text)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(ExpertTimedOutError) as caught:
        await read()
    assert got == ["Hel"]
    assert caught.value.request_id == "req-7"


@pytest.mark.parametrize("hang_up", [False, True])
@pytest.mark.parametrize("end", [b"", b'data: {"choices": [], "x', b'data: {"choices": []}\n'])
def test_a_stream_that_breaks_off(client: Coe, service: Service, end: bytes, hang_up: bool) -> None:
    service.will_stream([HELLO, LO, end], hang_up=hang_up, pause=0.005)
    got: list[str] = []
    with (
        pytest.raises(APIConnectionError, match="broke off") as caught,
        client.chat.create("x", stream=True) as stream,
    ):
        got.extend(chunk.text for chunk in stream)
    assert got == ["Hel", "lo"]
    assert caught.value.request_id == "req-1"


async def test_a_stream_that_breaks_off_async(async_client: AsyncCoe, service: Service) -> None:
    service.will_stream([HELLO], hang_up=True)
    stream = await async_client.chat.create("x", stream=True)
    with pytest.raises(APIConnectionError, match="broke off"):
        async for _ in stream:
            pass


def test_a_closing_line_may_lack_its_empty_one(client: Coe, service: Service) -> None:
    service.will_stream([HELLO, b"data: [DONE]"])
    assert [chunk.text for chunk in client.chat.create("x", stream=True)] == ["Hel"]


def test_nothing_after_the_end_is_read(client: Coe, service: Service) -> None:
    service.will_stream([HELLO + DONE + LO, *[b": late\n"] * 100], pause=0.02)
    began = time.monotonic()
    assert [chunk.text for chunk in client.chat.create("x", stream=True)] == ["Hel"]
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("data", [b"{", b"[1]", b'{"choices": 5}', b'{"error"'])
def test_a_chunk_that_is_none(client: Coe, service: Service, data: bytes) -> None:
    service.will_stream([b"data: " + data + b"\n\n" + DONE])
    with pytest.raises(APIResponseInvalidError, match="ChatCompletionChunk"):
        list(client.chat.create("x", stream=True))


def test_an_endless_event(client: Coe, service: Service) -> None:
    service.will_stream([b"data: " + b"x" * 2**20] + [b"x" * 2**20] * 20)
    with pytest.raises(APIResponseInvalidError, match="larger than"):
        list(client.chat.create("x", stream=True))


def test_a_page_instead_of_a_stream(client: Coe, service: Service) -> None:
    service.will_stream([b"<html>"], kind="text/html")
    with pytest.raises(APIResponseInvalidError, match="is text/html"):
        client.chat.create("x", stream=True)


async def test_a_page_instead_of_a_stream_async(async_client: AsyncCoe, service: Service) -> None:
    service.will_stream([json.dumps({}).encode()], kind="application/json")
    with pytest.raises(APIResponseInvalidError, match="is application/json"):
        await async_client.chat.create("x", stream=True)


def test_leaving_a_stream_early_frees_its_connection(client: Coe, service: Service) -> None:
    streams = []  # kept, so that nothing is closed for being forgotten
    for _ in range(120):  # more than the pool of 100 would hold open
        service.will_stream([HELLO, LO, DONE])
        with client.chat.create("x", stream=True) as stream:
            assert next(stream).text == "Hel"
        streams.append(stream)
    assert [list(stream) for stream in streams] == [[]] * 120


async def test_leaving_a_stream_early_frees_its_connection_async(
    async_client: AsyncCoe, service: Service
) -> None:
    streams = []
    for _ in range(120):
        service.will_stream([HELLO, LO, DONE])
        async with await async_client.chat.create("x", stream=True) as stream:
            async for chunk in stream:
                assert chunk.text == "Hel"
                break
        streams.append(stream)
    service.will_stream([HELLO, DONE])
    async with await async_client.chat.create("x", stream=True):
        pass
