"""The client's side: requests sent, and all that can be seen of each from outside."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.e2e.conftest import Server

_AT_ONCE = 12
_ROW_SECONDS = 10.0


@dataclass(frozen=True)
class Ask:
    """A request for a chat answer.

    Args:
        name: Tells it from the others.
        model: The expert or policy.
        key: Whose key it comes with.
        streamed: Whether a stream is wanted.
        words: What it says.
        patient: Whether it costs time only, and need not wait for its turn.
    """

    name: str
    model: str
    key: str
    streamed: bool
    words: str = "one two three"
    patient: bool = False

    @property
    def body(self) -> dict[str, Any]:
        """The request's body."""
        message = {"role": "user", "content": self.words}
        asked: dict[str, Any] = {"model": self.model, "messages": [message]}
        if self.streamed:
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        return asked


@dataclass(frozen=True)
class Seen:
    """What the client got.

    Args:
        status: The HTTP status.
        headers: The response's headers.
        content: Its body.
        seconds: Until its last byte.
    """

    status: int
    headers: httpx.Headers
    content: bytes
    seconds: float

    @property
    def request_id(self) -> str:
        """The service's id of the request."""
        return str(self.headers["x-coe-request-id"])

    @property
    def expert(self) -> str:
        """Who answered."""
        return str(self.headers.get("x-coe-expert", ""))

    @property
    def attempts(self) -> int:
        """How many calls it took."""
        return int(self.headers.get("x-coe-attempts", "1"))

    @property
    def events(self) -> list[str]:
        """The data of a stream's events."""
        lines = self.content.decode().split("\n")
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]

    @property
    def is_stream(self) -> bool:
        """Whether it was announced as a stream of events."""
        return str(self.headers["content-type"]).startswith("text/event-stream")

    @property
    def finished(self) -> bool:
        """Whether a stream said that it was whole."""
        return self.events[-1:] == ["[DONE]"]

    @property
    def objects(self) -> list[dict[str, Any]]:
        """All objects that came: the events', or the one of the body."""
        if not self.is_stream:
            return [json.loads(self.content)]
        return [json.loads(data) for data in self.events if data != "[DONE]"]

    @property
    def error(self) -> dict[str, Any]:
        """The error, empty where there was none."""
        return dict(self.objects[-1].get("error") or {}) if self.objects else {}

    @property
    def text(self) -> str:
        """The text of the answer, as far as it came."""
        said = [
            (choice.get("delta") or choice.get("message") or {}).get("content")
            for each in self.objects
            for choice in each.get("choices") or ()
        ]
        return "".join(text or "" for text in said)


async def ask(client: httpx.AsyncClient, one: Ask) -> Seen:
    """Send one request and read its answer to the end."""
    headers = {"authorization": f"Bearer {one.key}"}
    began = time.perf_counter()
    answer = await client.post("/v1/chat/completions", json=one.body, headers=headers)
    seconds = time.perf_counter() - began
    return Seen(answer.status_code, answer.headers, answer.content, seconds)


async def ask_all(
    server: Server, asked: Collection[Ask], at_once: int = _AT_ONCE
) -> dict[str, Seen]:
    """Send requests side by side and return what came of each, by its name."""
    turns = asyncio.Semaphore(at_once)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=server.url, timeout=30, limits=limits) as client:

        async def in_turn(one: Ask) -> Seen:
            if one.patient:
                return await ask(client, one)
            async with turns:
                return await ask(client, one)

        seen = await asyncio.gather(*map(in_turn, asked))
    return {one.name: each for one, each in zip(asked, seen, strict=True)}


async def make_keys(
    server: Server, bound: Sequence[tuple[str, list[str] | None]], **fields: str
) -> dict[str, str]:
    """Make keys and return them by their names.

    Args:
        server: The service.
        bound: Their names, and the experts that may answer them (``None``: all).
        fields: What else is wanted of each.
    """
    turns = asyncio.Semaphore(8)
    async with httpx.AsyncClient(base_url=server.url, headers=server.headers, timeout=30) as client:

        async def make(name: str, experts: list[str] | None) -> str:
            wanted = {"name": name, "experts": experts, **fields}
            async with turns:
                made = await client.post("/admin/api/keys", json=wanted)
            assert made.status_code == 201, made.text
            return str(made.json()["key"])

        keys = await asyncio.gather(*(make(name, experts) for name, experts in bound))
    return {name: key for (name, _), key in zip(bound, keys, strict=True)}


async def rows_by_id(
    server: Server, wanted: Collection[str], seconds: float = _ROW_SECONDS
) -> dict[str, list[dict[str, Any]]]:
    """Return all usage rows by request id, once those wanted are there or the time is over."""
    deadline = time.monotonic() + seconds
    async with httpx.AsyncClient(base_url=server.url, headers=server.headers, timeout=30) as client:
        while True:
            rows = await _all_rows(client)
            if rows.keys() >= set(wanted) or time.monotonic() > deadline:
                return rows
            await asyncio.sleep(0.05)


async def details(server: Server, wanted: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return usage rows with the calls that each request took, by request id."""
    turns = asyncio.Semaphore(_AT_ONCE)
    async with httpx.AsyncClient(base_url=server.url, headers=server.headers, timeout=30) as client:

        async def read(identifier: str) -> dict[str, Any]:
            async with turns:
                answer = await client.get(f"/admin/api/usage/{identifier}")
            assert answer.status_code == 200, answer.text
            return dict(answer.json())

        rows = await asyncio.gather(*map(read, wanted))
    return dict(zip(wanted, rows, strict=True))


async def open_breakers(server: Server) -> dict[str, str]:
    """Return the experts of which an endpoint is left alone, with the reason."""
    query: dict[str, Any] = {"state": "open", "limit": 500}
    async with httpx.AsyncClient(base_url=server.url, headers=server.headers, timeout=30) as client:
        page = (await client.get("/admin/api/breakers", params=query)).json()
    assert not page["has_more"]
    return {one["expert"]: one["reason"] for one in page["data"]}


async def _all_rows(client: httpx.AsyncClient) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    query: dict[str, Any] = {"limit": 500}
    while True:
        page = (await client.get("/admin/api/usage", params=query)).json()
        for row in page["data"]:
            rows.setdefault(row["request_id"], []).append(row)
        if not page["has_more"]:
            return rows
        query["after"] = page["next"]
