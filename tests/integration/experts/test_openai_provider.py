from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from experts.errors import (
    ExpertAnswerInvalid,
    ExpertError,
    ExpertFailed,
    ExpertMisconfigured,
    ExpertOverloaded,
    ExpertTimedOut,
    ExpertUnreachable,
    RequestRefused,
)
from experts.providers.openai import OpenAIProvider
from experts.providers.protocol import Usage
from experts.providers.scripted_server import ScriptedServer
from experts.providers.sse import DONE

from .conftest import KEY, eventually, make_call


async def read(provider: OpenAIProvider, model: str, url: str, **options: object) -> bytes:
    call = make_call(model, url=url, stream=True, **options)
    return b"".join([block async for block in provider.stream(call)])


@asynccontextmanager
async def raw_server(answer: bytes, *, pieces: int = 1) -> AsyncIterator[str]:
    """A server that says these bytes to every request, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        size = max(1, -(-len(answer) // pieces))
        for start in range(0, len(answer), size):
            writer.write(answer[start : start + size])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await server.wait_closed()


def http(body: bytes, *, status: str = "200 OK", kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


async def test_the_answers_bytes_are_the_servers(openai: OpenAIProvider) -> None:
    body = b'{ "id": "x",  "choices": [ {"index":0} ],"odd" : [1e3] }'
    async with raw_server(http(body)) as url:
        answer = await openai.complete(make_call("m", url=url))
    assert answer.body == body
    assert answer.usage is None


async def test_what_is_sent(openai: OpenAIProvider, server: ScriptedServer) -> None:
    messages = msgspec.Raw(b'[{"role":"user","content":"\\u00e9"}]')
    await openai.complete(make_call("echo", url=server.url, messages=messages, new={"a": 1}))
    (request,), (headers,) = server.ledger.requests, server.ledger.headers
    assert request["messages"] == [{"role": "user", "content": "é"}]
    assert request["new"] == {"a": 1}
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["x-request-id"] == "r-1"
    assert headers["accept-encoding"] == "identity"


async def test_no_key_sends_no_authorization(
    openai: OpenAIProvider, server: ScriptedServer
) -> None:
    await openai.complete(make_call("echo", url=server.url, api_key=None))
    assert "authorization" not in server.ledger.headers[0]


async def test_bodies_of_many_megabytes(openai: OpenAIProvider, server: ScriptedServer) -> None:
    text = "x" * 3_000_000
    answer = await openai.complete(make_call("echo", url=server.url, text=text))
    assert len(answer.body) > 3_000_000


async def test_connections_are_used_again(openai: OpenAIProvider, server: ScriptedServer) -> None:
    for _ in range(3):
        await openai.complete(make_call("echo", url=server.url))
        await read(openai, "echo", server.url)
    assert len(server.ledger.connections) == 1


KINDS: list[tuple[str, type[ExpertError]]] = [
    ("refuse", RequestRefused),
    ("fail:413", RequestRefused),
    ("fail:422", RequestRefused),
    ("nonsense", ExpertMisconfigured),
    ("fail:401", ExpertMisconfigured),
    ("fail:403", ExpertMisconfigured),
    ("fail:302", ExpertMisconfigured),
    ("fail:408", ExpertTimedOut),
    ("fail:504", ExpertTimedOut),
    ("fail:429:7", ExpertOverloaded),
    ("fail:503", ExpertOverloaded),
    ("fail:500", ExpertFailed),
    ("fail:502", ExpertFailed),
    ("content_type", ExpertAnswerInvalid),
    ("malformed", ExpertAnswerInvalid),
    ("empty", ExpertAnswerInvalid),
    ("break_off", ExpertAnswerInvalid),
    ("half_event", ExpertAnswerInvalid),
]


@pytest.mark.parametrize(("script", "kind"), KINDS)
async def test_faults(
    openai: OpenAIProvider, server: ScriptedServer, script: str, kind: type[ExpertError]
) -> None:
    with pytest.raises(ExpertError) as caught:
        await openai.complete(make_call(script, url=server.url))
    assert type(caught.value) is kind
    with pytest.raises(ExpertError) as caught:
        await read(openai, script, server.url)
    assert type(caught.value) is kind
    assert KEY not in f"{caught.value!r} {caught.value.upstream_body!r}"


async def test_retry_after_is_kept(openai: OpenAIProvider, server: ScriptedServer) -> None:
    with pytest.raises(ExpertOverloaded) as caught:
        await openai.complete(make_call("fail:429:7", url=server.url))
    assert caught.value.retry_after == 7


async def test_an_error_in_the_middle(openai: OpenAIProvider, server: ScriptedServer) -> None:
    blocks = openai.stream(make_call("pace:0.02|error_midway", url=server.url, stream=True))
    assert b'"role":"assistant"' in await anext(blocks)
    with pytest.raises(ExpertAnswerInvalid):
        [block async for block in blocks]


async def test_an_error_event_instead_of_an_answer(openai: OpenAIProvider) -> None:
    event = b'data: {"error":{"message":"slow down","code":429}}\n\n'
    async with raw_server(http(event, kind="text/event-stream")) as url:
        with pytest.raises(ExpertOverloaded):
            await read(openai, "m", url)


async def test_a_json_error_where_a_stream_was_asked_for(openai: OpenAIProvider) -> None:
    body = b'{"error":{"message":"bad","type":"invalid_request_error"}}'
    async with raw_server(http(body)) as url:
        with pytest.raises(RequestRefused):
            await read(openai, "m", url)


async def test_a_missing_done_is_added(openai: OpenAIProvider, server: ScriptedServer) -> None:
    assert (await read(openai, "no_done", server.url)).endswith(DONE)


async def test_a_stream_in_tiny_pieces(openai: OpenAIProvider) -> None:
    stream = (
        b': hello\r\n\r\ndata: {"choices":[{"delta":{"content":"a"}}]}\r\n\r\n'
        b'data: {"choices":[{"finish_reason":"stop"}]}\r\n\r\ndata: [DONE]\r\n\r\n'
    )
    async with raw_server(http(stream, kind="text/event-stream"), pieces=60) as url:
        text = await read(openai, "m", url)
    assert text.startswith(b'data: {"choices"')
    assert text.endswith(DONE)


async def test_answers_that_are_too_large(server: ScriptedServer) -> None:
    provider = OpenAIProvider(max_answer_bytes=1000)
    with pytest.raises(ExpertAnswerInvalid):
        await provider.complete(make_call("echo", url=server.url, text="x" * 2000))
    await provider.aclose()


async def test_nobody_listens(openai: OpenAIProvider, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/v1"
    with pytest.raises(ExpertUnreachable):
        await openai.complete(make_call("m", url=url))
    with pytest.raises(ExpertUnreachable):
        await read(openai, "m", url)


async def test_somebody_hangs_up(openai: OpenAIProvider) -> None:
    async with raw_server(b"") as url:
        with pytest.raises(ExpertUnreachable):
            await openai.complete(make_call("m", url=url))


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1/v1", "http://", "http://[::1"])
async def test_urls_that_are_none(openai: OpenAIProvider, url: str) -> None:
    call = dataclasses.replace(make_call("m", url="http://x"), url=url)
    with pytest.raises(ExpertMisconfigured):
        await openai.complete(call)


async def test_a_server_that_speaks_no_tls(openai: OpenAIProvider, server: ScriptedServer) -> None:
    url = server.url.replace("http://", "https://")
    with pytest.raises((ExpertMisconfigured, ExpertUnreachable)):
        await openai.complete(make_call("m", url=url))


async def test_redirects_are_not_followed(openai: OpenAIProvider, server: ScriptedServer) -> None:
    head = (
        f"HTTP/1.1 307 Go\r\nLocation: {server.url}/chat/completions\r\nContent-Length: 0\r\n\r\n"
    )
    async with raw_server(head.encode()) as url:
        with pytest.raises(ExpertMisconfigured):
            await openai.complete(make_call("echo", url=url))
    assert not server.ledger.requests


async def _cancel_complete(provider: OpenAIProvider, url: str) -> None:
    task = asyncio.create_task(provider.complete(make_call("hang", url=url)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _cancel_stream(provider: OpenAIProvider, url: str) -> None:
    async def consume() -> None:
        async for _ in provider.stream(make_call("pace:0.02|hang_midway", url=url, stream=True)):
            pass

    task = asyncio.create_task(consume())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _leave_stream(provider: OpenAIProvider, url: str) -> None:
    blocks = provider.stream(make_call("pace:0.02|hang_midway", url=url, stream=True))
    await anext(blocks)
    await blocks.aclose()


@pytest.mark.parametrize("leave", [_cancel_complete, _cancel_stream, _leave_stream])
async def test_the_server_sees_at_once_that_nobody_listens(
    openai: OpenAIProvider,
    server: ScriptedServer,
    leave: Callable[[OpenAIProvider, str], Awaitable[None]],
) -> None:
    await leave(openai, server.url)
    await eventually(lambda: server.ledger.cancelled == 1, seconds=2)
    assert server.ledger.open == 0


async def test_a_connection_that_was_closed_meanwhile_is_replaced(openai: OpenAIProvider) -> None:
    """As llama.cpp does it: the stream ends, and then the connection, without a word."""
    event = b'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await reader.readuntil(b"\r\n\r\n")
        requests += 1
        writer.write(head % len(event) + event)
        await asyncio.sleep(0.05)
        if requests < 3:
            await reader.readuntil(b"\r\n\r\n")  # the next request comes, and is not answered
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    for _ in range(3):
        assert (await read(openai, "m", url)).endswith(DONE)
    assert requests == 3
    server.close()
    await server.wait_closed()


async def test_a_connection_is_used_again_when_its_end_comes_late(openai: OpenAIProvider) -> None:
    event = b'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await asyncio.sleep(0.05)
            writer.write(b"0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    for _ in range(2):
        await read(openai, "m", url)
    assert connections == 1
    server.close()
    await server.wait_closed()


async def test_many_at_once(openai: OpenAIProvider, server: ScriptedServer) -> None:
    calls = [make_call("delay:0.05|echo", url=server.url, text=f"n {n}") for n in range(100)]
    answers = await asyncio.gather(*(openai.complete(call) for call in calls))
    contents = [
        msgspec.json.decode(one.body)["choices"][0]["message"]["content"] for one in answers
    ]
    assert contents == [f"n {n}" for n in range(100)]
    assert server.ledger.most_open > 50
    assert answers[0].usage == Usage(2, 2)
