"""What several end-to-end tests need beside the server: rows, experts, upstreams, keys."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from experts.providers.scripted_server import ScriptedServer

ROW_SECONDS = 5.0
"""How soon after an answer its usage row can be read."""

NOT_ROUTED = {"accepts": ["executable"]}
"""Fields of an expert that is only asked by name, so that it never takes a routed request."""


def eventually(check: Callable[[], Any], seconds: float = ROW_SECONDS) -> Any:
    """Return what ``check`` says as soon as it is true, or what it says when the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def rows_of(server: Any, expert: str) -> list[dict[str, Any]]:
    """Return all usage rows of an expert, newest first."""
    rows: list[dict[str, Any]] = []
    query: dict[str, Any] = {"expert": expert, "limit": 500}
    with server.client() as client:
        while True:
            page = client.get("/admin/api/usage", params=query).json()
            rows += page["data"]
            if not page["has_more"]:
                return rows
            query["after"] = page["next"]


def settled_rows(server: Any, expert: str, count: int) -> list[dict[str, Any]]:
    """Return the rows of an expert once there are ``count``; a moment later, to see more come."""
    eventually(lambda: len(rows_of(server, expert)) >= count)
    time.sleep(0.1)
    return rows_of(server, expert)


def row_of(server: Any, request_id: str, seconds: float = ROW_SECONDS) -> dict[str, Any]:
    """Return the usage row of a request, waiting for it."""
    with server.client() as client:

        def read() -> dict[str, Any] | None:
            answer = client.get(f"/admin/api/usage/{request_id}")
            row: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
            return row

        row = eventually(read, seconds)
    assert row, f"no usage row of {request_id} after {seconds} s"
    assert isinstance(row, dict)
    return row


@contextmanager
def added_expert(server: Any, **fields: Any) -> Iterator[str]:
    """Add an expert that is only asked by name, yield its id, and retire it at the end."""
    entry = {**NOT_ROUTED, **fields}
    with server.client() as client:
        answer = client.post("/admin/api/experts", json=entry)
        assert answer.status_code == 201, answer.text
        try:
            yield entry["id"]
        finally:
            client.delete(f"/admin/api/experts/{entry['id']}")


@contextmanager
def upstream(script: str | Mapping[str, Any] | None = None) -> Iterator[ScriptedServer]:
    """Run an OpenAI-speaking server in a thread, so that blocking clients can be used beside it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = ScriptedServer(script)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def upstream_expert(
    server: Any, expert: str, script: str | Mapping[str, Any] | None = None, **fields: Any
) -> Iterator[ScriptedServer]:
    """Run an upstream and add an expert that is reached there over HTTP."""
    with upstream(script) as running:
        entry = {
            "id": expert,
            "provider": "openai",
            "model": "echo",
            "endpoints": [{"url": running.url}],
            "capabilities": ["streaming", "tools", "json", "vision"],
            **fields,
        }
        with added_expert(server, **entry):
            yield running


def make_key(server: Any, role: str = "user", name: str = "a test's") -> dict[str, Any]:
    """Make a key and return its record with the key itself."""
    with server.client() as client:
        answer = client.post("/admin/api/keys", json={"name": name, "role": role})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


def question(model: str, text: str = "one two three", **fields: Any) -> dict[str, Any]:
    """Return the body of a chat request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}
