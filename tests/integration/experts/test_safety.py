"""What keeps an expert's server from leading calls astray, or from flooding us with an answer."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
import zlib
from typing import Any

import pytest

from experts.errors import ExpertAnswerInvalid, ExpertError, ExpertMisconfigured
from experts.providers import litellm_connections
from experts.providers.addresses import AddressPolicy
from experts.providers.litellm import LiteLLMProvider
from experts.providers.openai import OpenAIProvider
from experts.providers.protocol import ExpertCall
from experts.providers.scripted_server import ScriptedServer

from .conftest import LITELLM_WARNS, make_call
from .test_openai_provider import http, raw_server

pytestmark = LITELLM_WARNS

NOTHING = AddressPolicy(setting="COE_PRIVATE_ADDRESSES")


async def test_an_expert_at_a_private_address_is_not_called(server: ScriptedServer) -> None:
    provider = OpenAIProvider(addresses=NOTHING)
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(ExpertMisconfigured, match="COE_PRIVATE_ADDRESSES"):
            await provider.complete(make_call("echo", url=url))
        with pytest.raises(ExpertMisconfigured, match="COE_PRIVATE_ADDRESSES"):
            [_ async for _ in provider.stream(make_call("echo", url=url, stream=True))]
    await provider.aclose()
    assert not server.ledger.headers


async def test_a_name_that_leads_elsewhere_by_now_is_not_called(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: harmless when it was stored, private when it is called."""
    real = socket.getaddrinfo

    def rebound(host: Any, *args: Any, **options: Any) -> Any:
        return real("127.0.0.1" if host == "rebound.example" else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    url = server.url.replace("127.0.0.1", "rebound.example")
    assert NOTHING.url_problem(url) is None
    provider = OpenAIProvider(addresses=NOTHING)
    with pytest.raises(ExpertMisconfigured, match="not public"):
        await provider.complete(make_call("echo", url=url))
    await provider.aclose()
    named = OpenAIProvider(addresses=AddressPolicy.parse("rebound.example"))
    assert b"one two" in (await named.complete(make_call("echo", url=url, text="one two"))).body
    await named.aclose()


@pytest.mark.parametrize("field", ["url", "api_base", "base_url"])
async def test_litellm_is_not_asked_to_call_a_private_address(
    server: ScriptedServer, field: str
) -> None:
    provider = LiteLLMProvider(NOTHING)
    call = make_call("openai/echo", provider="litellm", url=server.url if field == "url" else None)
    if field != "url":
        call.expert.parameters[field] = server.url
    with pytest.raises(ExpertMisconfigured, match="not public"):
        await provider.complete(call)
    await provider.aclose()
    assert not server.ledger.headers


async def answered(provider: LiteLLMProvider | OpenAIProvider, call: ExpertCall) -> object:
    """Return what a provider answers, whole or as a stream, as its request says."""
    if call.body["stream"]:
        return [block async for block in provider.stream(call)]
    return await provider.complete(call)


@pytest.mark.parametrize("vendor", ["openai", "anthropic", "gemini", "mistral", "ollama"])
@pytest.mark.parametrize("stream", [False, True])
async def test_litellm_is_not_led_elsewhere_by_a_second_look_at_a_name(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, vendor: str, *, stream: bool
) -> None:
    """DNS rebinding: public when it is looked at, private when the connection is made."""
    real, looks = socket.getaddrinfo, []

    def rebound(host: Any, *args: Any, **options: Any) -> Any:
        if host != "rebound.example":
            return real(host, *args, **options)
        looks.append(host)
        return real("1.1.1.1" if len(looks) == 1 else "127.0.0.1", *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    provider = LiteLLMProvider(NOTHING)
    url = server.url.replace("127.0.0.1", "rebound.example")
    call = make_call(f"{vendor}/echo", provider="litellm", url=url, stream=stream)
    with pytest.raises(ExpertMisconfigured, match="not public"):
        await answered(provider, call)
    await provider.aclose()
    assert len(looks) >= 2
    assert not server.ledger.headers


async def test_vendors_that_litellm_calls_by_other_clients_take_no_url(
    server: ScriptedServer,
) -> None:
    provider = LiteLLMProvider()
    for model, parameters in (("petals/m", {}), ("m", {"custom_llm_provider": "nlp_cloud"})):
        call = make_call(model, provider="litellm", url=server.url)
        call.expert.parameters.update(parameters)
        with pytest.raises(ExpertMisconfigured, match="takes no URL"):
            await provider.complete(call)
    assert not server.ledger.headers


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_litellm_calls_no_vendor_by_a_client_that_is_not_guarded(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release of litellm's may bring one: it belongs in UNGUARDED then."""
    real, provider = socket.getaddrinfo, LiteLLMProvider(NOTHING)

    def rebound(host: Any, *args: Any, **options: Any) -> Any:
        if host not in {"rebound.example", "127.0.0.1"}:
            raise socket.gaierror(socket.EAI_NONAME, "nobody is to be called")
        return real("127.0.0.1", *args, **options)

    async def allowed(*_: Any) -> None:
        return

    litellm = await provider._litellm.get()
    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    monkeypatch.setattr(AddressPolicy, "look_up", allowed)
    url = server.url.replace("127.0.0.1", "rebound.example")
    vendors = {str(getattr(each, "value", each)) for each in litellm.provider_list}
    assert len(vendors) > 100
    stopped = 0
    for vendor in sorted(vendors):
        call = make_call(f"{vendor}/m", provider="litellm", url=url, timeout=5.0)
        try:
            async with asyncio.timeout(5):
                await provider.complete(call)
        except (ExpertError, TimeoutError) as error:
            stopped += "not public" in str(error)
        assert not server.ledger.headers, vendor
    assert stopped > 50
    await provider.aclose()


_LONG = b"x" * 200_000
_PIECE = b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n'
TOO_MUCH = {
    "whole": (b'{"choices":[{"message":{"content":"%b"}}]}' % _LONG, "application/json", False),
    "one event": (_PIECE % _LONG, "text/event-stream", True),
    "after the beginning": (_PIECE % b"ok" + _PIECE % _LONG, "text/event-stream", True),
}


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_litellm_reads_no_more_than_is_wanted(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(litellm_connections, "MAX_ANSWER_BYTES", 100_000)
    monkeypatch.setattr(litellm_connections, "MAX_LINE_BYTES", 100_000)
    body, kind, stream = TOO_MUCH[name]
    provider = LiteLLMProvider()
    async with raw_server(http(body, kind=kind)) as url:
        call = make_call("openai/m", provider="litellm", url=url, stream=stream)
        with pytest.raises(ExpertAnswerInvalid, match="more than 100000 bytes"):
            await answered(provider, call)
    await provider.aclose()


async def test_litellm_unpacks_nothing() -> None:
    """It would do so without a bound."""
    provider = LiteLLMProvider()
    body = _bomb(b'{"choices":[{"message":{"content":"', b'"}}]}', megabytes=1)
    async with raw_server(http(body, kind="application/json\r\nContent-Encoding: gzip")) as url:
        with pytest.raises(ExpertAnswerInvalid, match="compressed"):
            await provider.complete(make_call("openai/m", provider="litellm", url=url))
    await provider.aclose()


async def test_a_long_stream_of_short_events_is_not_too_much(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litellm_connections, "MAX_ANSWER_BYTES", 1_000)
    monkeypatch.setattr(litellm_connections, "MAX_LINE_BYTES", 1_000)
    provider, text = LiteLLMProvider(), "word " * 100
    call = make_call("openai/echo", provider="litellm", url=server.url, text=text, stream=True)
    blocks = b"".join([block async for block in provider.stream(call)])
    assert blocks.count(b"word") == 100
    assert server.ledger.headers[0]["accept-encoding"] == "identity"
    await provider.aclose()


def _bomb(before: bytes, after: bytes, megabytes: int = 100) -> bytes:
    """Return some kilobytes that are a hundred megabytes when they are unpacked."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    filling = b"x" * 2**20
    parts = [packer.compress(before), *(packer.compress(filling) for _ in range(megabytes))]
    return b"".join([*parts, packer.compress(after), packer.flush()])


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_bomb_is_not_unpacked(streamed: bool) -> None:
    start = b'{"choices":[{"message":{"content":"'
    bomb = _bomb(b"data: " + start if streamed else start, b'"}}]}\n\n')
    kind = "text/event-stream" if streamed else "application/json"
    provider = OpenAIProvider(max_answer_bytes=2**22)

    async with raw_server(http(bomb, kind=f"{kind}\r\nContent-Encoding: gzip")) as url:
        call = make_call("m", url=url, stream=streamed)
        tracemalloc.start()
        with pytest.raises(ExpertAnswerInvalid, match="more than"):
            await answered(provider, call)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    await provider.aclose()
    assert peak < 2**25


EVENT = b'data: {"choices":[{"delta":{"content":"%b"},"finish_reason":"stop"}]}\n\n'
STREAM = "text/event-stream"
NO_ANSWERS = {
    "no text": http(b'{"choices":[{"message":{"content":"\xff\xfe"}}]}'),
    "half a character": http(b'{"choices":[{"message":{"content":"\xc3"}}]}'),
    "no compression": http(b'{"choices":[{}]}', kind="application/json\r\nContent-Encoding: gzip"),
    "a long header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n{}",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5_000 + b"\r\n{}",
    "no http": b"SSH-2.0-OpenSSH_9\r\n" * 4,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n{}",
    "deep": http(b'{"choices":' + b"[" * 1_000_000),
    "a lone surrogate": http(b'{"choices":[{}],"usage":"\\ud800"}'),
}
NO_STREAMS = {
    "no text": http(EVENT % b"ok" + EVENT % b"\xff", kind=STREAM),
    "an event without end": http(EVENT % (b"x" * (17 * 2**20)), kind=STREAM),
    "only comments": http(b": still here\n\n" * 10_000, kind=STREAM),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_what_is_no_answer(openai: OpenAIProvider, name: str) -> None:
    async with raw_server(NO_ANSWERS[name]) as url:
        with pytest.raises(ExpertAnswerInvalid):
            await openai.complete(make_call("m", url=url))


@pytest.mark.parametrize("name", NO_STREAMS)
async def test_what_is_no_stream(openai: OpenAIProvider, name: str) -> None:
    # In pieces, so that the head has come before what is wrong.
    async with raw_server(NO_STREAMS[name], pieces=8) as url:
        with pytest.raises(ExpertAnswerInvalid):
            [_ async for _ in openai.stream(make_call("m", url=url, stream=True, timeout=5.0))]


async def test_a_broken_chunk_ends_a_stream_at_once(openai: OpenAIProvider) -> None:
    """It comes when the head is read already: aiohttp closes the connection and tells nobody."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        event = EVENT % b"ok"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {STREAM}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode() + b"%x\r\n%b\r\n" % (len(event), event))
        await asyncio.sleep(0.05)
        writer.write(b"zz\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    blocks = openai.stream(make_call("m", url=url, stream=True, timeout=5.0))
    assert b"ok" in await anext(blocks)
    with pytest.raises(ExpertAnswerInvalid, match="broke off"):
        await anext(blocks)
    server.close()
    await server.wait_closed()


async def test_text_of_every_kind_passes(openai: OpenAIProvider) -> None:
    text = "é中🙂".encode()
    async with raw_server(http(EVENT % text, kind=STREAM), pieces=200) as url:
        blocks = [block async for block in openai.stream(make_call("m", url=url, stream=True))]
    assert text in b"".join(blocks)


async def test_ten_megabytes_at_once_pass(openai: OpenAIProvider) -> None:
    async with raw_server(http(EVENT % (b"x" * 10_000_000), kind=STREAM)) as url:
        blocks = [block async for block in openai.stream(make_call("m", url=url, stream=True))]
    assert sum(map(len, blocks)) > 10_000_000
