"""Streams and faults: clients that go away, experts that break, bodies that are too large."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from experts.providers.scripted_server import ScriptedServer
from experts.providers.scripts import FAULTS
from tests.e2e.conftest import Server
from tests.e2e.support import (
    NOT_ROUTED,
    added_expert,
    eventually,
    question,
    row_of,
    settled_rows,
    upstream,
    upstream_expert,
)

FIRST_TOKEN_SECONDS = 0.4
WHOLE_SECONDS = 1.0
MAX_BODY_BYTES = 64 * 1024
TEXT = "one two three four five six"


@dataclass(frozen=True)
class Outcome:
    """How a request ends: its status, the error's code, and whether the error is an event."""

    status: int
    code: str | None = None
    event: bool = False


_OK = Outcome(200)
_INVALID = Outcome(502, "expert_answer_invalid")
_INVALID_EVENT = Outcome(502, "expert_answer_invalid", event=True)
_LATE = Outcome(504, "expert_timeout")
CASES: dict[str, tuple[Outcome, Outcome]] = {  # script: whole, streamed
    "hang": (_LATE, _LATE),
    "hang_midway": (_LATE, Outcome(504, "expert_timeout", event=True)),
    "break_off": (_INVALID, _INVALID_EVENT),
    "half_event": (_INVALID, _INVALID_EVENT),
    # Paced, or the error arrives together with the first token and is a status still.
    "pace:0.03|error_midway": (Outcome(502, "expert_failed"), _INVALID_EVENT),
    "malformed": (_INVALID, _INVALID),
    "empty": (_INVALID, _INVALID),
    "content_type": (_INVALID, _INVALID),
    "no_done": (_OK, _OK),
    "usage:absent": (_OK, _OK),
    "usage:wrong": (_OK, _OK),
    "delay:0.05": (_OK, _OK),
    "pace:0.01": (_OK, _OK),
    "refuse": (Outcome(400, "expert_refused_request"),) * 2,
    "fail:401": (Outcome(502, "expert_misconfigured"),) * 2,
    "fail:429:7": (Outcome(502, "expert_overloaded"),) * 2,
    "fail:500": (Outcome(502, "expert_failed"),) * 2,
    "fail:503": (Outcome(502, "expert_overloaded"),) * 2,
    "fail:504": (_LATE, _LATE),
}
PROVIDERS = ("scripted", "openai")


def _expert_id(provider: str, script: str) -> str:
    return f"{provider}-{re.sub('[^a-z0-9.]', '-', script)}"


@pytest.fixture(scope="module")
def hasty(scratch: Path) -> Iterator[Server]:
    """A server with short deadlines, small bodies, and an expert for every fault and provider."""
    with upstream() as remote:
        experts: list[dict[str, Any]] = [{"id": "calm", "provider": "scripted", "model": "echo"}]
        for script in CASES:
            for provider in PROVIDERS:
                entry = {"id": _expert_id(provider, script), "provider": provider, "model": script}
                if provider == "openai":
                    entry["endpoints"] = [{"url": remote.url}]
                experts.append({**entry, **NOT_ROUTED})
        server = Server(
            scratch / "hasty-server",
            experts=experts,
            environ={
                "COE_FIRST_TOKEN_TIMEOUT": str(FIRST_TOKEN_SECONDS),
                "COE_REQUEST_TIMEOUT": str(WHOLE_SECONDS),
                "COE_MAX_BODY_BYTES": str(MAX_BODY_BYTES),
            },
        ).start()
        yield server
        assert server.stop() == 0, server.log
        assert "Traceback" not in server.log, server.log


def _data(text: str) -> list[str]:
    return [
        event.removeprefix("data: ") for event in text.split("\n\n") if event.startswith("data: ")
    ]


def test_every_fault_of_the_script_language_has_a_case() -> None:
    assert {script.split("|")[-1] for script in CASES} >= FAULTS


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("script", CASES)
def test_a_fault_is_an_error_of_its_kind_and_one_row(
    hasty: Server, script: str, provider: str, streamed: bool
) -> None:
    expected = CASES[script][streamed]
    expert = _expert_id(provider, script)
    with hasty.client() as client:
        answer = client.post("/v1/chat/completions", json=question(expert, TEXT, stream=streamed))
    assert answer.status_code == (200 if expected.event else expected.status), answer.text
    error = _error_in(answer, streamed=streamed)
    request_id = answer.headers["x-coe-request-id"]
    assert error.get("code") == expected.code
    if expected.code:
        assert error["request_id"] == request_id
        assert expert in error["message"]
    else:
        assert _text_of(answer, streamed=streamed) == TEXT
    if script == "fail:429:7":
        assert answer.headers["retry-after"] == "7"
    row = row_of(hasty, request_id)
    assert row["status"] == ("failed" if expected.code else "ok")
    assert row["error_code"] == expected.code
    assert row["streamed"] is streamed
    assert row["tokens_estimated"] == (expected.code is not None or script.startswith("usage:"))
    rows = [r for r in settled_rows(hasty, expert, 1) if r["streamed"] is streamed]
    assert [r["request_id"] for r in rows] == [request_id]


def _error_in(answer: httpx.Response, *, streamed: bool) -> dict[str, Any]:
    """Return the error of an answer, or nothing; a stream has either an error or a ``[DONE]``."""
    if answer.status_code != 200:
        error: dict[str, Any] = answer.json()["error"]
        return error
    if not streamed:
        return dict(answer.json().get("error", {}))
    events = _data(answer.text)
    last = {} if events[-1] == "[DONE]" else json.loads(events[-1])
    assert ("[DONE]" in events) == ("error" not in last)
    return dict(last.get("error", {}))


def _text_of(answer: httpx.Response, *, streamed: bool) -> str:
    if not streamed:
        text: str = answer.json()["choices"][0]["message"]["content"]
        return text
    chunks = [json.loads(event) for event in _data(answer.text)[:-1]]
    return "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"])


def test_an_unsteady_expert_answers_again_after_its_failures(server: Server) -> None:
    with (
        upstream_expert(server, "flaky-expert", "flaky:2:503|echo"),
        server.client() as client,
    ):
        answers = [
            client.post("/v1/chat/completions", json=question("flaky-expert")) for _ in range(3)
        ]
    assert [answer.status_code for answer in answers] == [502, 200, 200]
    assert [answer.headers.get("x-coe-attempts") for answer in answers] == ["2", None, None]
    rows = settled_rows(server, "flaky-expert", 3)
    assert [row["status"] for row in rows] == ["ok", "ok", "failed"]


def test_an_expert_that_nobody_listens_for_is_unreachable(server: Server) -> None:
    with upstream() as gone:
        url = gone.url
    entry = {"id": "nobody", "provider": "openai", "model": "x", "endpoints": [{"url": url}]}
    with added_expert(server, **entry), server.client() as client:
        for streamed in (False, True):
            answer = client.post("/v1/chat/completions", json=question("nobody", stream=streamed))
            assert answer.status_code == 502
            assert answer.json()["error"]["code"] == "expert_unreachable"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/route", "/admin/api/experts"])
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_body_too_large_is_refused(hasty: Server, path: str, announced: bool) -> None:
    body = json.dumps(question("calm", "x" * (MAX_BODY_BYTES + 1))).encode()
    pieces = (body[start : start + 4096] for start in range(0, len(body), 4096))
    with hasty.client() as client:
        answer = client.post(
            path,
            content=body if announced else pieces,
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 413, answer.text
        assert answer.json()["error"]["code"] == "body_too_large"
        assert answer.headers["x-coe-request-id"] == answer.json()["error"]["request_id"]
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/route", "/admin/api/experts"])
def test_a_client_that_leaves_while_it_sends_its_body_is_no_bug(hasty: Server, path: str) -> None:
    for sent in (b"", b'{"model":'):
        with _connected(hasty) as connection:
            head = _raw_request(hasty, b"x" * 1000, path).partition(b"\r\n\r\n")[0]
            connection.sendall(head + b"\r\n\r\n" + sent)
            time.sleep(0.1)
    time.sleep(0.2)
    assert "bug" not in hasty.log, hasty.log
    with hasty.client() as client:
        assert client.get("/healthz").status_code == 200


def test_a_body_just_small_enough_is_taken(hasty: Server) -> None:
    empty = len(json.dumps(question("calm", "")))
    body = json.dumps(question("calm", "x" * (MAX_BODY_BYTES - empty)))
    assert len(body) == MAX_BODY_BYTES
    with hasty.client() as client:
        answer = client.post("/v1/chat/completions", content=body)
    assert answer.status_code == 200, answer.text


def _cancelled(remote: ScriptedServer, count: int) -> bool:
    return bool(
        eventually(
            lambda: remote.ledger.cancelled == count and remote.ledger.open == 0, seconds=1.0
        )
    )


async def test_a_client_that_leaves_mid_stream_stops_the_expert(server: Server) -> None:
    with upstream_expert(server, "leave-midway", "pace:0.05|echo") as remote:
        body = question("leave-midway", "word " * 200, stream=True)
        async with (
            httpx.AsyncClient(base_url=server.url, headers=server.headers) as client,
            client.stream("POST", "/v1/chat/completions", json=body) as answer,
        ):
            identifier = answer.headers["x-coe-request-id"]
            pieces = answer.aiter_bytes()
            for _ in range(3):
                await anext(pieces)
        assert await asyncio.to_thread(_cancelled, remote, 1), remote.ledger
        row = await asyncio.to_thread(row_of, server, identifier)
        assert row["status"] == "cancelled"
        assert 0 < row["completion_tokens"] < 100
        assert row["first_token_ms"] < row["duration_ms"]
        assert len(await asyncio.to_thread(settled_rows, server, "leave-midway", 1)) == 1


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_client_that_leaves_before_the_first_token_stops_the_expert(
    server: Server, streamed: bool
) -> None:
    expert = f"leave-early-{'streamed' if streamed else 'whole'}"
    with upstream_expert(server, expert, "delay:30|echo") as remote:
        async with httpx.AsyncClient(base_url=server.url, headers=server.headers) as client:
            asking = asyncio.create_task(
                client.post("/v1/chat/completions", json=question(expert, stream=streamed))
            )
            assert await asyncio.to_thread(eventually, lambda: remote.ledger.open)
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
        assert await asyncio.to_thread(_cancelled, remote, 1), remote.ledger
        rows = await asyncio.to_thread(settled_rows, server, expert, 1)
        assert [row["status"] for row in rows] == ["cancelled"]
        assert rows[0]["first_token_ms"] is None
        assert rows[0]["completion_tokens"] == 0


def test_a_client_that_shuts_its_connection_down_abruptly_stops_the_expert(server: Server) -> None:
    with upstream_expert(server, "leave-abruptly", "pace:0.05|echo") as remote:
        body = json.dumps(question("leave-abruptly", "word " * 200, stream=True)).encode()
        with _connected(server) as connection:
            connection.sendall(_raw_request(server, body))
            assert connection.recv(1024).startswith(b"HTTP/1.1 200")
            # An RST instead of an orderly end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert _cancelled(remote, 1), remote.ledger
        assert [row["status"] for row in settled_rows(server, "leave-abruptly", 1)] == ["cancelled"]


def test_a_client_that_does_not_read_and_leaves_stops_the_expert(server: Server) -> None:
    """More than fits into the buffers on the way, so that the service waits for its client."""
    with upstream_expert(server, "leave-full", "echo", context_window=1_000_000) as remote:
        body = json.dumps(question("leave-full", "word " * 60_000, stream=True)).encode()
        # With a window of its usual size, the kernel alone takes some ten megabytes.
        with _connected(server, receive_buffer=4096) as connection:
            connection.sendall(_raw_request(server, body))
            assert connection.recv(1024).startswith(b"HTTP/1.1 200")
            assert eventually(lambda: _stands_still(remote)), remote.ledger
            assert remote.ledger.open == 1
        assert _cancelled(remote, 1), remote.ledger
        (row,) = settled_rows(server, "leave-full", 1)
        assert row["status"] == "cancelled"


def _stands_still(remote: ScriptedServer) -> bool:
    before = remote.ledger.pieces
    time.sleep(0.3)
    return remote.ledger.pieces == before > 0


async def test_clients_that_leave_at_any_moment_leave_one_row_each(server: Server) -> None:
    """Connections are cut from before the request was read to after its end."""
    with upstream_expert(server, "leave-anytime", "delay:0.02|pace:0.002|echo") as remote:
        body = json.dumps(question("leave-anytime", "word " * 20, stream=True)).encode()

        async def leave_after(seconds: float) -> None:
            parts = urlsplit(server.url)
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(_raw_request(server, body))
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await reader.read()
            writer.transport.abort()

        for start in range(0, 150, 10):
            # Multiples of the golden ratio fill the 0.15 s evenly.
            moments = [n * 0.618034 % 1 * 0.15 for n in range(start, start + 10)]
            await asyncio.gather(*(leave_after(moment) for moment in moments))

        def all_ended() -> bool:
            return remote.ledger.open == 0

        assert await asyncio.to_thread(eventually, all_ended, 1.0), remote.ledger
        asked = len(remote.ledger.requests)
        rows = await asyncio.to_thread(settled_rows, server, "leave-anytime", asked)
        assert remote.ledger.cancelled > 10, "too few left in the middle of their answer"
        # A client may be gone after the request was admitted and before the expert was asked.
        assert asked <= len(rows) <= 150
        assert {row["status"] for row in rows} <= {"ok", "cancelled"}
        # Nothing waits any more to be closed on its behalf.
        assert len({row["request_id"] for row in rows}) == len(rows)


def _connected(server: Server, receive_buffer: int | None = None) -> socket.socket:
    parts = urlsplit(server.url)
    connection = socket.socket()
    connection.settimeout(10)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect((parts.hostname or "", parts.port or 0))
    return connection


def _raw_request(server: Server, body: bytes, path: str = "/v1/chat/completions") -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {server.key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
