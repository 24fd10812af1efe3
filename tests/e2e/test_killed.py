"""The service is killed with -9 in the middle of work and started again on the same data."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Any

import httpx
import psutil

STREAMS = 50
WHOLE = 10


def _body(words: int, *, stream: bool) -> dict[str, Any]:
    text = " ".join(["word"] * words)
    return {"model": "paced", "stream": stream, "messages": [{"role": "user", "content": text}]}


async def _ask(
    client: httpx.AsyncClient, body: dict[str, Any], ended: dict[str, bool], enough: asyncio.Event
) -> None:
    """Ask and note, by request id, whether the whole answer came."""
    identifier = ""
    try:
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            identifier = response.headers["x-coe-request-id"]
            ended[identifier] = False
            text = (await response.aread()).decode()
            ended[identifier] = not body["stream"] or text.rstrip().endswith("[DONE]")
            if sum(ended.values()) >= STREAMS // 3:
                enough.set()
    except httpx.HTTPError:
        return


async def _load(server: Any, ended: dict[str, bool]) -> None:
    enough = asyncio.Event()
    async with httpx.AsyncClient(
        base_url=server.url, headers=server.headers, timeout=30, limits=httpx.Limits()
    ) as client:
        asked = [
            asyncio.create_task(_ask(client, _body(5 + 2 * n, stream=True), ended, enough))
            for n in range(STREAMS)
        ]
        asked += [
            asyncio.create_task(_ask(client, _body(5 + 8 * n, stream=False), ended, enough))
            for n in range(WHOLE)
        ]
        async with asyncio.timeout(60):
            await enough.wait()
        server.kill()
        await asyncio.gather(*asked)


def _rows(server: Any) -> list[dict[str, Any]]:
    rows, after = [], None
    with server.client() as client:
        while True:
            query = {"limit": 500} | ({"after": after} if after else {})
            page = client.get("/admin/api/usage", params=query).json()
            rows += page["data"]
            after = page["next"]
            if not page["has_more"]:
                return rows


def _settled_rows(server: Any, ended: dict[str, bool]) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 20
    while True:
        rows = _rows(server)
        if ended.keys() <= {row["request_id"] for row in rows} or time.monotonic() > deadline:
            return rows
        time.sleep(0.1)


async def test_no_answered_request_is_lost_or_doubled(own_server: Any) -> None:
    own_server.experts = [{"id": "paced", "provider": "scripted", "model": "pace:0.03|echo"}]
    own_server.start()
    ended: dict[str, bool] = {}
    await _load(own_server, ended)
    own_server.start()
    rows = _settled_rows(own_server, ended)
    seen = Counter(row["request_id"] for row in rows)
    assert max(seen.values()) == 1
    status = {row["request_id"]: row["status"] for row in rows}
    answered = {identifier for identifier, whole in ended.items() if whole}
    broken = {identifier for identifier, whole in ended.items() if not whole}
    assert len(answered) >= STREAMS // 3
    assert broken, "the kill came too late to break anything off"
    assert {status[identifier] for identifier in answered} == {"ok"}
    assert {status[identifier] for identifier in broken} <= {"interrupted", "ok"}
    # Requests that had not even got their headers are there too, and nothing else is.
    assert len(rows) == STREAMS + WHOLE


def test_a_stopped_service_leaves_nothing_running_and_starts_again(own_server: Any) -> None:
    own_server.worker = True
    own_server.start()
    children = psutil.Process(own_server.process.pid).children(recursive=True)
    first_key = own_server.key
    assert any("valkey" in child.name() for child in children)
    assert own_server.stop() == 0
    assert not [p for p in _belonging_to(own_server) if p.status() != psutil.STATUS_ZOMBIE]
    own_server.start()
    assert own_server.key == first_key
    with own_server.client() as client:
        assert client.get("/readyz").json()["status"] == "ok"


def test_a_second_server_on_the_same_data_says_why_it_stops(own_server: Any) -> None:
    own_server.start()
    second = type(own_server)(own_server.data_dir)
    state = (own_server.data_dir / "server.json").read_text()
    second.launch()
    assert second.process is not None
    assert second.process.wait(30) == 1
    assert f"process id {own_server.process.pid}" in own_server.log
    assert json.loads(state) == json.loads((own_server.data_dir / "server.json").read_text())


def _belonging_to(server: Any) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if str(server.data_dir) in " ".join((process.cwd(), *process.cmdline())):
                found.append(process)
        except psutil.Error:
            continue
    return found
