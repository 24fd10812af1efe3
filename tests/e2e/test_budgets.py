"""Limits over two processes on the same stores, and as OpenAI's client meets them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import openai
import pytest

from tests.e2e.conftest import Server
from tests.e2e.support import eventually, make_key, question

PRICED = {
    "id": "priced",
    "provider": "scripted",
    "model": "echo",
    "price": {"input": 1_000.0, "output": 1_000.0},
}
LIMITS = "/admin/api/limits"


@pytest.fixture(scope="module")
def replicas(
    databases: Any, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Server]]:
    """Two servers that share their stores; neither does runs, so each is one process."""
    with databases.lent() as url, ExitStack() as stopped:
        environ = {
            "DATABASE_URL": url.replace("postgresql+psycopg://", "postgresql://"),
            "REDIS_URL": redis_server,
            "COE_SECRET_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
            "COE_WORKER": "false",
        }
        first, second = (
            Server(tmp_path_factory.mktemp("replica"), experts=[PRICED], environ=environ)
            for _ in range(2)
        )
        stopped.callback(lambda: first.stop())
        first.start()
        (second.data_dir / "admin-key").write_text(first.key)
        stopped.callback(lambda: second.stop())
        second.start()
        yield first, second


def limited_key(server: Server, other: Server, **limits: float) -> dict[str, Any]:
    """Make a key with limits, and wait until both servers know."""
    made = make_key(server)
    with server.client() as one, other.client() as two:
        path = f"{LIMITS}/keys/{made['id']}"
        answer = one.put(path, json=limits)
        assert answer.status_code == 200, answer.text

        def known() -> bool:
            headers = {"authorization": f"Bearer {made['key']}"}
            body = question("priced", max_tokens=1)
            answer = two.post("/v1/chat/completions", json=body, headers=headers)
            return "x-ratelimit-limit-tokens" in answer.headers

        assert eventually(known, 1.0)
    return made


async def statuses(
    servers: tuple[Server, Server], key: str, times: int, **fields: Any
) -> list[int]:
    """Send so many requests at once, half to each server; returns their statuses."""
    headers = {"authorization": f"Bearer {key}"}
    body = question("priced", **fields)
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=60) as client:
        asking = (
            client.post(f"{servers[n % 2].url}/v1/chat/completions", json=body)
            for n in range(times)
        )
        return [answer.status_code for answer in await asyncio.gather(*asking)]


async def test_exactly_a_hundred_of_four_hundred_pass(replicas: tuple[Server, Server]) -> None:
    first, second = replicas
    # One of the hundred went on finding out that both know.
    key = limited_key(first, second, requests_per_minute=101, tokens_per_minute=10**9)
    passed = await statuses(replicas, key["key"], 400)
    assert sorted(set(passed)) == [200, 429]
    assert passed.count(200) == 100


async def test_two_hundred_at_once_on_a_nearly_empty_budget(
    replicas: tuple[Server, Server],
) -> None:
    first, second = replicas
    key = limited_key(first, second, usd_per_day=0.3, tokens_per_minute=10**9)
    passed = await statuses(replicas, key["key"], 200, max_tokens=10)
    assert sorted(set(passed)) == [200, 402]
    with first.client() as client:
        view = client.get(f"{LIMITS}/keys/{key['id']}").json()
    [use] = [use for use in view["use"] if use["limit"] == "usd_per_day"]
    assert use["reserved"] == 0
    assert 0 < use["used"] <= 0.3


def test_openais_client_sees_what_it_knows(replicas: tuple[Server, Server]) -> None:
    first, second = replicas
    key = limited_key(first, second, requests_per_minute=2, tokens_per_minute=10_000)
    client = openai.OpenAI(base_url=f"{first.url}/v1", api_key=key["key"], max_retries=0)
    ask = client.chat.completions.with_raw_response.create
    messages: Any = [{"role": "user", "content": "one two"}]
    answer = ask(model="priced", messages=messages)
    assert answer.headers["x-ratelimit-remaining-requests"] == "0"
    with pytest.raises(openai.RateLimitError) as caught:
        ask(model="priced", messages=messages)
    assert caught.value.code == "rate_limit_exceeded"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 61

    poor = limited_key(first, second, usd_per_month=0.1, tokens_per_minute=10_000)
    client = openai.OpenAI(base_url=f"{first.url}/v1", api_key=poor["key"], max_retries=0)
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="priced", messages=messages)
    assert (refused.value.status_code, refused.value.code) == (402, "budget_exceeded")
