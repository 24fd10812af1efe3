"""Keys work at once and stop at once; every request leaves one row with the exact tokens and cost."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Server
from tests.e2e.support import (
    added_expert,
    eventually,
    make_key,
    question,
    row_of,
    rows_of,
    settled_rows,
    upstream_expert,
)

PRICE = {"input": 0.15, "output": 0.6}
_NO_KEY = {"authorization": "Bearer sk-coe-none"}
SCRIPTED = {"provider": "scripted", "price": PRICE}


def _nanos(prompt_tokens: int, completion_tokens: int) -> int:
    return prompt_tokens * 150 + completion_tokens * 600


def _nanos_of(row: dict[str, Any]) -> int:
    return round(row["cost_usd"] * 1e9)


def test_a_key_works_as_soon_as_it_is_made_and_no_longer_than_it_lives(server: Server) -> None:
    made = make_key(server)
    with httpx.Client(base_url=server.url, timeout=10) as stranger, server.client() as admin:

        def status(key: str) -> int:
            headers = {"authorization": f"Bearer {key}"}
            return stranger.get("/v1/models", headers=headers).status_code

        assert status(made["key"]) == 200
        assert status(made["key"] + "x") == 401
        assert status(made["key"][:-1]) == 401
        assert status(made["prefix"]) == 401
        assert admin.delete(f"/admin/api/keys/{made['id']}").status_code == 204
        assert status(made["key"]) == 401
        assert admin.delete(f"/admin/api/keys/{made['id']}").status_code == 404


def test_a_key_expires(server: Server) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=1)
    with server.client() as admin:
        made = admin.post(
            "/admin/api/keys", json={"name": "brief", "expires_at": expires.isoformat()}
        ).json()
        with httpx.Client(base_url=server.url, headers={"x-api-key": made["key"]}) as client:
            assert client.get("/v1/models").status_code == 200
            time.sleep(max(0.0, (expires - datetime.now(UTC)).total_seconds()) + 0.05)
            assert client.get("/v1/models").status_code == 401


def test_the_row_names_the_key_and_its_tenant(server: Server) -> None:
    with server.client() as admin:
        body = {"name": "n", "tenant": "team-b"}
        made = admin.post("/admin/api/keys", json=body).json()
    with httpx.Client(base_url=server.url, headers={"x-api-key": made["key"]}) as client:
        answer = client.post("/v1/chat/completions", json=question("coe-economy", "one two"))
    row = row_of(server, answer.headers["x-coe-request-id"])
    assert (row["key_id"], row["tenant"]) == (made["id"], "team-b")
    assert (row["api"], row["model"], row["policy"]) == (
        "chat.completions",
        "coe-economy",
        "economy",
    )
    assert row["decision"]["expert"] == row["expert"]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_tokens_and_cost_are_what_the_expert_counted(server: Server, streamed: bool) -> None:
    expert = f"priced-{'streamed' if streamed else 'whole'}"
    with (
        added_expert(server, id=expert, model="fixed:a b c d e", **SCRIPTED),
        server.client() as client,
    ):
        answer = client.post(
            "/v1/chat/completions", json=question(expert, "one two three", stream=streamed)
        )
        assert answer.status_code == 200
        row = row_of(server, answer.headers["x-coe-request-id"])
    assert (row["prompt_tokens"], row["completion_tokens"]) == (3, 5)
    assert row["tokens_estimated"] is False
    assert _nanos_of(row) == _nanos(3, 5) == 3450
    if not streamed:
        assert answer.headers["x-coe-cost"] == "0.00000345"
    assert row["expert_version"] == 1
    assert 0 < row["first_token_ms"] <= row["duration_ms"] < 10_000


def test_a_request_that_was_not_admitted_leaves_no_row(server: Server) -> None:
    with added_expert(server, id="unadmitted", model="echo", **SCRIPTED), server.client() as client:
        refused = [
            client.post("/v1/chat/completions", json={"model": "unadmitted", "messages": []}),
            client.post("/v1/chat/completions", json=question("unadmitted-x")),
            client.post("/v1/chat/completions", json=question("unadmitted"), headers=_NO_KEY),
        ]
        assert [answer.status_code for answer in refused] == [400, 404, 401]
        last = client.post("/v1/chat/completions", json=question("unadmitted"))
        row_of(server, last.headers["x-coe-request-id"])
        assert len(rows_of(server, "unadmitted")) == 1
        for answer in refused:
            missing = client.get(f"/admin/api/usage/{answer.headers['x-coe-request-id']}")
            assert missing.status_code == 404


def test_a_row_is_there_soon_after_the_answer(server: Server) -> None:
    with server.client() as client:
        client.post("/v1/chat/completions", json=question("generalist"))  # not the first of its day
        answer = client.post("/v1/chat/completions", json=question("generalist"))
        began = time.monotonic()
        row_of(server, answer.headers["x-coe-request-id"])
        assert time.monotonic() - began < 2


async def test_fifty_at_once_leave_fifty_rows_and_the_exact_sum(server: Server) -> None:
    outcomes = ["ok", "streamed", "failed", "refused", "cancelled"]
    async with httpx.AsyncClient(base_url=server.url, headers=server.headers) as client:
        with (
            added_expert(server, id="mixed-ok", model="fixed:a b c", **SCRIPTED),
            added_expert(server, id="mixed-failed", model="fail:500", **SCRIPTED),
            added_expert(server, id="mixed-refused", model="refuse", **SCRIPTED),
            upstream_expert(server, "mixed-cancelled", "delay:30|echo", price=PRICE) as remote,
        ):
            asked = [
                asyncio.create_task(_ask(client, outcomes[n % 5], words=1 + n)) for n in range(50)
            ]
            assert await asyncio.to_thread(eventually, lambda: remote.ledger.open == 10)
            for task in asked[4::5]:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*asked, return_exceptions=True)
            rows = await asyncio.to_thread(_all_rows, server)
    ended = [row for found in rows.values() for row in found]
    assert len(ended) == 50
    assert len({row["request_id"] for row in ended}) == 50
    assert [(r["status"], r["tokens_estimated"]) for r in rows["mixed-ok"]] == [("ok", False)] * 20
    assert {r["status"] for r in rows["mixed-failed"] + rows["mixed-refused"]} == {"failed"}
    assert {r["status"] for r in rows["mixed-cancelled"]} == {"cancelled"}
    prompts = [1 + n for n in range(50) if n % 5 < 2]
    assert sum(map(_nanos_of, rows["mixed-ok"])) == sum(_nanos(words, 3) for words in prompts)
    # An expert that failed before it said anything has billed nothing.
    assert sum(_nanos_of(row) for row in rows["mixed-failed"] + rows["mixed-refused"]) == 0
    for row in ended:
        assert _nanos_of(row) == _nanos(row["prompt_tokens"], row["completion_tokens"])


async def _ask(client: httpx.AsyncClient, outcome: str, words: int) -> httpx.Response:
    expert = "mixed-ok" if outcome in {"ok", "streamed"} else f"mixed-{outcome}"
    body = question(expert, " ".join(["word"] * words), stream=outcome == "streamed")
    return await client.post("/v1/chat/completions", json=body)


def _all_rows(server: Server) -> dict[str, list[dict[str, Any]]]:
    wanted = {"mixed-ok": 20, "mixed-failed": 10, "mixed-refused": 10, "mixed-cancelled": 10}
    return {expert: settled_rows(server, expert, count) for expert, count in wanted.items()}


def test_pages_of_usage_hold_every_row_once(server: Server) -> None:
    with added_expert(server, id="paged", model="echo", **SCRIPTED), server.client() as client:
        asked = [
            client.post("/v1/chat/completions", json=question("paged")).headers["x-coe-request-id"]
            for _ in range(7)
        ]
        assert eventually(lambda: len(rows_of(server, "paged")) == 7)
        seen: list[str] = []
        query: dict[str, Any] = {"expert": "paged", "limit": 3}
        while True:
            page = client.get("/admin/api/usage", params=query).json()
            seen += [row["request_id"] for row in page["data"]]
            if not page["has_more"]:
                break
            query["after"] = page["next"]
    assert seen == asked[::-1]
