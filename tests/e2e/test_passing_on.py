"""What the caller wrote reaches an OpenAI-speaking expert byte for byte, and the answer comes back so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.e2e.conftest import Server
from tests.e2e.support import added_expert

ANSWER = (
    b'{ "id":"x",  "choices":[ {"index":0,"message":{"role":"assistant","content":"\\u00e9\\/"},'
    b'"finish_reason":"stop","odd":1.0e0} ],"system_fingerprint":null, "unheard_of":[ ] }\n'
)
# Every value is written as no JSON library would write it again.
FIELDS = {
    "messages": b'[ {"role" : "user","content":"\\u0041\\u00e9 \\ud83d\\ude00",  "name":"n","x":1.50} ]',
    "temperature": b"1.0e-1",
    "seed": b"123456789012345678901234567890",
    "unheard_of": b'{ "b":1 ,\n "a" : [1.0, 2E+0, -0.0], "a": "twice" }',
    "text": b'"\\u003ctag\\u003e \\/ \\u2028"',
    "logit_bias": b'{"50256":  -100}',
}


@dataclass
class Recorder:
    """A server that keeps the bytes of each body and always gives the same answer."""

    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(
            int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-len")
        )
        self.bodies.append(await reader.readexactly(length))
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)
        )
        await writer.drain()
        writer.close()


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    recorder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield recorder


async def test_bytes_in_both_directions(server: Server) -> None:
    async with recording() as recorder:
        entry = {"id": "recorder", "provider": "openai", "model": "m"}
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
