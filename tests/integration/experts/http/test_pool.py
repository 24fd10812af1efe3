"""Connections to servers over real sockets: used again, replaced, ended, and never trusted too far."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from experts.http import pool as pools
from experts.http.errors import BrokeOff, HungUp, Unreachable, UnreadableHead, WrongAddress
from experts.http.pool import Pool
from experts.http.response import Response
from experts.providers.addresses import THIS_MACHINE, AddressPolicy

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(AddressPolicy.parse(THIS_MACHINE), connect_timeout=2.0)
    yield pool
    await pool.aclose()


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[str]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/chat?a=b"
    finally:
        server.close()


class Answers:
    """A server that gives the same bytes to every request, and notes connections and requests."""

    def __init__(self, *pieces: bytes, close: bool = False) -> None:
        self.pieces = pieces
        self.close = close
        self.connections = 0
        self.requests: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(size))
                for piece in self.pieces:
                    writer.write(piece)
                    await asyncio.sleep(0)
                if self.close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def read(response: Response) -> bytes:
    try:
        return b"".join([piece async for piece in response.pieces()])
    finally:
        response.release()


async def answered(pool: Pool, *pieces: bytes, close: bool = False) -> bytes:
    async with serving(Answers(*pieces, close=close)) as url:
        return await read(await pool.post(url, {}, b"{}"))


async def test_what_is_sent(pool: Pool) -> None:
    server = Answers(OK + b"Content-Length: 2\r\n\r\nok")
    async with serving(server) as url:
        with_credentials = url.replace("127.0.0.1", "me:secret@127.0.0.1")
        response = await pool.post(with_credentials, {"x-a": "é"}, b'{"n":1}')
        assert (response.status, await read(response)) == (200, b"ok")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v1/chat?a=b HTTP/1.1"
    assert lines[1].startswith(b"host: 127.0.0.1:")
    assert lines[2:] == [
        b"authorization: Basic bWU6c2VjcmV0",
        "x-a: é".encode(),
        b"content-length: 7",
    ]
    assert body == b'{"n":1}'


@pytest.mark.parametrize(
    "pieces",
    [
        [OK + b"Content-Length: 4\r\n\r\nfour"],
        [OK + b"Content-Length: 4\r\n\r\n", b"fo", b"ur"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nfo\r\n", b"2\r\nur\r\n0\r\n\r\n"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\nX-After: 1\r\n\r\n"],
        [b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", OK + b"Content-Length: 4\r\n\r\nfour"],
        [b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 4\r\n\r\nfour"],
    ],
)
async def test_bodies_with_an_end_of_their_own(pool: Pool, pieces: list[bytes]) -> None:
    server = Answers(*pieces)
    async with serving(server) as url:
        for _ in range(3):
            response = await pool.post(url, {}, b"{}")
            assert "x-after" not in response.headers
            assert await read(response) == b"four"
    assert (len(server.requests), server.connections) == (3, 1)


async def test_a_body_that_ends_with_its_connection(pool: Pool) -> None:
    assert await answered(pool, OK + b"\r\n", b"fo", b"ur", close=True) == b"four"
    assert await answered(pool, OK + b"\r\n", close=True) == b""


async def test_a_connection_that_the_server_ends_is_not_used_again(pool: Pool) -> None:
    server = Answers(OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok")
    async with serving(server) as url:
        for _ in range(2):
            assert await read(await pool.post(url, {}, b"{}")) == b"ok"
    assert server.connections == 2


async def test_what_nobody_asked_for_ends_the_connection(pool: Pool) -> None:
    """Else it would be taken for the answer to the next request."""
    server = Answers(OK + b"Content-Length: 2\r\n\r\nok" + OK + b"Content-Length: 4\r\n\r\nevil")
    async with serving(server) as url:
        for _ in range(2):
            assert await read(await pool.post(url, {}, b"{}")) == b"ok"
    assert server.connections == 2


async def test_what_comes_between_two_requests_ends_the_connection(pool: Pool) -> None:
    late = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(OK + b"Content-Length: 2\r\n\r\nok")
        await late.wait()
        writer.write(OK + b"Content-Length: 4\r\n\r\nevil")
        assert await reader.read() == b""
        writer.close()

    async with serving(serve) as url:
        assert await read(await pool.post(url, {}, b"{}")) == b"ok"
        late.set()
        await asyncio.sleep(0.05)
        assert not any(pool._idle.values())
        assert await read(await pool.post(url, {}, b"{}")) == b"ok"


async def test_one_that_was_left_in_the_middle_is_not_used_again(pool: Pool) -> None:
    server = Answers(OK + b"Content-Length: 9\r\n\r\n", b"half")
    async with serving(server) as url:
        for _ in range(2):
            response = await pool.post(url, {}, b"{}")
            assert await response.piece() == b"half"
            response.release()
    assert server.connections == 2


async def test_the_end_of_the_connection_in_the_middle(pool: Pool) -> None:
    for pieces in (
        [OK + b"Content-Length: 9\r\n\r\nhalf"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf"],
    ):
        with pytest.raises(BrokeOff, match="middle"):
            await answered(pool, *pieces, close=True)
    with pytest.raises(HungUp):
        await answered(pool, close=True)
    with pytest.raises(HungUp):
        await answered(pool, b"HTTP/1.1 200 O", close=True)


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        OK + b"X: " + b"y" * 70_000,
        OK + b"X: y\r\n" * 5_000 + b"\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_heads_that_cannot_be_read(pool: Pool, head: bytes) -> None:
    with pytest.raises(UnreadableHead):
        await answered(pool, head)


async def test_a_reader_who_takes_his_time_lets_the_server_wait(pool: Pool) -> None:
    written = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"{}")
        writer.write(OK + b"Content-Length: 33554432\r\n\r\n")
        for _ in range(512):
            writer.write(b"x" * 65_536)
            await writer.drain()
            written += 65_536
        writer.close()

    async with serving(serve) as url:
        response = await pool.post(url, {}, b"{}")
        await asyncio.sleep(0.2)
        assert written < 2**24
        assert len(await read(response)) == 2**25


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_bodies_that_are_packed_all_the_same(pool: Pool, coding: str) -> None:
    text = b"word " * 200_000
    packed = gzip.compress(text) if coding == "gzip" else zlib.compress(text)
    head = f"Content-Encoding: {coding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    assert await answered(pool, OK + head, packed[:100], packed[100:]) == text
    head = f"Content-Encoding: {coding}\r\n\r\n".encode()
    with pytest.raises(BrokeOff, match="middle"):
        await answered(pool, OK + head + packed[:-20], close=True)


async def test_bodies_packed_in_other_ways(pool: Pool) -> None:
    with pytest.raises(BrokeOff, match="'br'"):
        await answered(pool, OK + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\nok")


@pytest.mark.parametrize("name", ["x-a: 1\r\nx-b", "x-a\n", "x\0"])
async def test_headers_that_would_be_others(pool: Pool, name: str) -> None:
    for headers in ({name: "v"}, {"x": name}):
        with pytest.raises(WrongAddress, match="header"):
            await pool.post("http://127.0.0.1:9/", headers, b"")


@pytest.mark.parametrize("url", ["", "x", "ftp://a/", "http://", "http://[::1", "http://a:99999/"])
async def test_urls_that_are_none(pool: Pool, url: str) -> None:
    with pytest.raises(WrongAddress):
        await pool.post(url, {}, b"")


async def test_idle_connections_are_closed(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "_IDLE_SECONDS", 0.1)
    server = Answers(OK + b"Content-Length: 2\r\n\r\nok")
    async with serving(server) as url:
        assert await read(await pool.post(url, {}, b"{}")) == b"ok"
        assert len(pool._origins) == 1
        await asyncio.sleep(0.3)
        assert not pool._origins
        assert pool._timer is None
        assert await read(await pool.post(url, {}, b"{}")) == b"ok"
    assert server.connections == 2


async def test_a_name_with_several_addresses(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    """The first leads nowhere, the second does."""
    server = Answers(OK + b"Content-Length: 2\r\n\r\nok")
    async with serving(server) as url:
        port = int(url.split(":")[2].split("/")[0])
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", which))
            for which in (unused_tcp_port, port)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert await read(await pool.post("http://two.example/", {}, b"{}")) == b"ok"
        found.pop()
        with pytest.raises(Unreachable):
            await pool.post("http://none.example/", {}, b"{}")


async def test_connections_end_with_the_pool(pool: Pool) -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(OK + b"Content-Length: 9\r\n\r\nhalf")
        await reader.read()
        ended.set()
        writer.close()

    async with serving(serve) as url:
        response = await pool.post(url, {}, b"{}")
        await pool.aclose()
        async with asyncio.timeout(2):
            await ended.wait()
        with pytest.raises(BrokeOff):
            await read(response)
