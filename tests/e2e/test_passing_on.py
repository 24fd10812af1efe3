"""What the caller wrote reaches an OpenAI-speaking expert byte for byte, and the answer comes back so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Server
from tests.e2e.support import added_expert, row_of

CAPABLE = ["streaming", "tools", "json", "vision"]
ANSWER = (
    b'{ "id":"x",  "choices":[ {"index":0,"message":{"role":"assistant","content":"\\u00e9\\/"},'
    b'"logprobs":{"content":[ {"token":"a","logprob":-0.10,"bytes":[97],"top_logprobs":[ ]} ]},'
    b'"finish_reason":"stop","odd":1.0e0}, {"index":1,"message":{"role":"assistant","content":null,'
    b'"reasoning_content":"\\u0048m","tool_calls":[ {"id":"a","type":"function","function":{"name":"f",'
    b'"arguments":"{ \\"x\\" : 1.0e0 }"}}, {"id":"b","type":"function","function":{"name":"g","arguments":""}} '
    b']},"finish_reason":"tool_calls"} ],"system_fingerprint":null, "unheard_of":[ ] }\n'
)
# Every value is written as no JSON library would write it again.
FIELDS = {
    "messages": (
        b'[ {"role" : "user","content":"\\u0041\\u00e9 \\ud83d\\ude00",  "name":"n","x":1.50},'
        b'{"role":"assistant","content":null,"reasoning_content":"\\u0048m","tool_calls":[ {"id":"a","type":'
        b'"function","function":{"name":"f","arguments":"{ \\"x\\" : 1.0e0 }"}} ]},'
        b'{"tool_call_id":"a","role":"tool","content":"1.0e0"},'
        b'{"role":"user","content":[ {"type":"image_url","image_url":{"url":"data:image\\/png;base64,eA==",'
        b'"detail":"low"}} , {"type":"text","text":""} ]} ]'
    ),
    "response_format": (
        b'{ "type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object",'
        b'"properties":{"b":{"type":"number","maximum":1.0E1},"a":{}} ,"additionalProperties":false}} }'
    ),
    "tools": (
        b'[ {"type":"function","function":{"name":"f","parameters":{"type":"object","properties":'
        b'{"z":{"enum":[1.0,2e0]},"a":{}}}}} ]'
    ),
    "tool_choice": b'{ "type":"function","function":{"name":"f"}}',
    "parallel_tool_calls": b"false",
    "n": b"2",
    "logprobs": b"true",
    "top_logprobs": b"3",
    "reasoning_effort": b'"l\\u006fw"',
    "temperature": b"1.0e-1",
    "seed": b"123456789012345678901234567890",
    "unheard_of": b'{ "b":1 ,\n "a" : [1.0, 2E+0, -0.0], "a": "twice" }',
    "text": b'"\\u003ctag\\u003e \\/ \\u2028"',
    "logit_bias": b'{"50256":  -100}',
}


@dataclass
class Recorder:
    """A server that keeps the bytes of each body and always gives the same answer."""

    answer: bytes = ANSWER
    content_type: bytes = b"application/json"
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(
            int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-len")
        )
        self.bodies.append(await reader.readexactly(length))
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%s" % (self.content_type, len(self.answer), self.answer)
        )
        await writer.drain()
        writer.close()


@asynccontextmanager
async def recording(
    answer: bytes = ANSWER, content_type: bytes = b"application/json"
) -> AsyncIterator[Recorder]:
    recorder = Recorder(answer, content_type)
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    recorder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield recorder


async def test_bytes_in_both_directions(server: Server) -> None:
    async with recording() as recorder:
        entry = {"id": "recorder", "provider": "openai", "model": "m", "capabilities": CAPABLE}
        with added_expert(server, **entry, endpoints=[{"url": recorder.url}]):
            pairs = [b'"%s" : %s' % (name.encode(), value) for name, value in FIELDS.items()]
            body = b'{"model":"recorder" , ' + b",\n".join(pairs) + b"}"
            async with httpx.AsyncClient(base_url=server.url, headers=server.headers) as client:
                answer = await client.post("/v1/chat/completions", content=body)
    assert answer.content == ANSWER
    (sent,) = recorder.bodies
    for name, value in FIELDS.items():
        assert b'"%s":%s' % (name.encode(), value) in sent, name
    assert set(json.loads(sent)) == {*FIELDS, "model", "stream"}
    assert json.loads(sent)["model"] == "m"


HEAD = b'"id":"x", "object":"chat.completion.chunk","created":1,"model":"m"'
DELTAS = {
    "parallel tool calls": (
        b'{"tool_calls":[ {"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}},'
        b'{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{\\"x\\""}} ]}',
        b'{"tool_calls":[{"index":1,"function":{"arguments":":1.0e0}"}},'
        b'{"index":0,"function":{"arguments":"{}"}}]}',
    ),
    "reasoning": (b'{"reasoning_content":"\\u0048m\\/","content":null}', b'{"content":"So."}'),
    "a refusal": (b'{"refusal":"N", "content":null}', b'{"refusal":"o"}'),
    "unheard of": (b'{"content":"a","annotations":[ {"odd":1.50} ]}', b'{"audio":{"data":"eA=="}}'),
}
LOGPROBS = b'{"content":[ {"token":"a","logprob":-0.10,"bytes":[97],"top_logprobs":[ ]} ]}'
USAGE = b'data: {%s,"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2.0,"total_tokens":3}}\n\n'


def streamed(name: str, *, usage: bool) -> bytes:
    """A stream of two answers as no JSON library would write it."""
    events = [
        b'data:{%s, "choices":[ {"index":%d,"delta":%s,"finish_reason":null,"logprobs":%s} ]}\r\n\r\n'
        % (HEAD, index, delta, LOGPROBS)
        for delta in DELTAS[name]
        for index in (0, 1)
    ]
    ends = [
        b'data: {%s,"choices":[{"index":%d,"delta":{},"finish_reason":"stop"}]}\n\n' % (HEAD, index)
        for index in (0, 1)
    ]
    kept = [USAGE % HEAD] if usage else []
    return b"".join([*events, b": still here\n\n", *ends, *kept, b"data: [DONE]\n\n"])


@pytest.mark.parametrize("name", DELTAS)
@pytest.mark.parametrize("asked", [False, True], ids=["usage not asked for", "usage asked for"])
async def test_streamed_bytes_come_back_as_they_are(server: Server, name: str, asked: bool) -> None:
    """Whatever is in a stream; its usage alone is left out for those who did not ask."""
    sent = streamed(name, usage=True)
    async with recording(sent, b"text/event-stream") as recorder:
        entry = {"id": "streamer", "provider": "openai", "model": "m", "capabilities": CAPABLE}
        with added_expert(server, **entry, endpoints=[{"url": recorder.url}]):
            body = {
                "model": "streamer", "stream": True, "n": 2, "logprobs": True, "seed": 7,
                "messages": [{"role": "user", "content": "hi"}],
                "stream_options": {"include_usage": asked},
            }  # fmt: skip
            async with httpx.AsyncClient(base_url=server.url, headers=server.headers) as client:
                answer = await client.post("/v1/chat/completions", json=body)
    assert answer.content == (sent if asked else streamed(name, usage=False))
    passed = json.loads(recorder.bodies[0])
    assert (passed["n"], passed["logprobs"], passed["seed"]) == (2, True, 7)


@pytest.mark.parametrize("protocol", ["responses", "messages"])
async def test_what_only_chat_can_pass_on_fails_in_other_protocols(
    server: Server, protocol: str
) -> None:
    """They have to read each chunk; where one is none, the stream fails, and its record says so."""
    good = streamed("reasoning", usage=False)
    odd = good.replace(b": still here", b'data: {"choices": "none"}')
    ask: dict[str, Any] = {"model": "odd-one", "stream": True}
    if protocol == "responses":
        ask["input"] = "hi"
    else:
        ask |= {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    async with recording(odd, b"text/event-stream") as recorder:
        entry = {"id": "odd-one", "provider": "openai", "model": "m"}
        with added_expert(server, **entry, endpoints=[{"url": recorder.url}]):
            async with httpx.AsyncClient(base_url=server.url, headers=server.headers) as client:
                answer = await client.post(f"/v1/{protocol}", json=ask)
    assert answer.status_code == 200
    assert answer.text.count("expert_answer_invalid") == 1
    last = {"responses": "response.failed", "messages": "error"}[protocol]
    assert answer.text.strip().rpartition("event: ")[2].startswith(last + "\n")
    row = await asyncio.to_thread(row_of, server, answer.headers["x-coe-request-id"])
    assert (row["status"], row["error_code"]) == ("failed", "expert_answer_invalid")
