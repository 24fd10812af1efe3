"""However an answer is cut into pieces, and whatever comes instead of one, it is read the same."""

from __future__ import annotations

import asyncio
import itertools
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from experts.http.connection import Connection
from experts.http.errors import HttpError


class _Transport:
    """What a connection does to its transport."""

    def __init__(self) -> None:
        self.closed = False

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        del parts

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0


bodies = st.binary(max_size=200)


def _chunked(body: bytes, sizes: list[int]) -> bytes:
    parts, rest = [], body
    for size in sizes:
        part, rest = rest[:size], rest[size:]
        if part:
            parts.append(b"%x\r\n%b\r\n" % (len(part), part))
    if rest:
        parts.append(b"%X;ext=1\r\n%b\r\n" % (len(rest), rest))
    return b"".join(parts) + b"0\r\n\r\n"


async def _read(data: bytes, cuts: list[int], *, ends: bool) -> tuple[object, bytes, bool]:
    """Feed data in pieces; return the status or the error, the body, and whether the connection is kept."""
    kept: list[Connection] = []
    connection = Connection(kept.append, lambda _: None)
    transport = _Transport()
    connection.connection_made(cast("asyncio.Transport", transport))

    async def ask() -> tuple[object, bytes]:
        try:
            response = await connection.ask(b"", b"")
            try:
                body = b"".join([piece async for piece in response.pieces()])
            finally:
                response.release()
        except HttpError as error:
            return type(error).__name__, b""
        return response.status, body

    asked = asyncio.ensure_future(ask())
    await asyncio.sleep(0)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        if not transport.closed:
            connection.data_received(data[start:end])
        await asyncio.sleep(0)
    if ends or transport.closed:
        if not transport.closed:
            connection.eof_received()
        connection.connection_lost(None)
    found = await asked
    return *found, bool(kept)


@given(bodies, st.lists(st.integers(0, 60), max_size=5), st.lists(st.integers(0, 500), max_size=8))
@settings(max_examples=60, deadline=None)
def test_pieces_do_not_matter(body: bytes, sizes: list[int], cuts: list[int]) -> None:
    head = b"HTTP/1.1 200 OK\r\nX-A: b\r\n"
    known = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + _chunked(body, sizes)
    for data in (known, chunked):
        assert asyncio.run(_read(data, cuts, ends=False)) == (200, body, True)
    assert asyncio.run(_read(head + b"\r\n" + body, cuts, ends=True)) == (200, body, False)


@given(st.binary(max_size=300), st.lists(st.integers(0, 500), max_size=4))
@settings(max_examples=100, deadline=None)
def test_whatever_comes_ends_in_an_answer_or_an_error_of_ours(data: bytes, cuts: list[int]) -> None:
    for start in (
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ):
        status, _, _ = asyncio.run(_read(start + data, cuts, ends=True))
        assert isinstance(status, int) or status in {"HungUp", "UnreadableHead", "BrokeOff"}
