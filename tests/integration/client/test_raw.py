"""The whole answer behind a result, and headers of one's own."""

from __future__ import annotations

import asyncio

import pytest

from coe_client import AsyncCoe, Coe, NotFoundError
from tests.integration.client.loopback import Service

ADA = {"id": "ada", "provider": "scripted"}


def test_a_whole_answer(client: Coe, service: Service) -> None:
    service.put(ADA)
    raw = client.with_raw_response(client.experts.get)("ada")
    assert (raw.status, raw.headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert raw.json()["version"] == raw.parse().version == 1
    assert raw.content.startswith(b"{")
    answered = client.with_raw_response(client.chat.create)("Hi", model="coe")
    assert answered.request_id == answered.headers["x-coe-request-id"] == "req-1"
    assert answered.parse().text == "You said: Hi"
    gone = client.with_raw_response(client.experts.retire)("ada")
    assert (gone.status, gone.result) == (204, None)


def test_what_is_refused_is_raised(client: Coe) -> None:
    with pytest.raises(NotFoundError):
        client.with_raw_response(client.experts.get)("nobody")


def test_a_list_sends_nothing_by_itself(client: Coe) -> None:
    with pytest.raises(TypeError, match="nothing by itself"):
        client.with_raw_response(client.models.list)()


async def test_answers_of_tasks_are_kept_apart_async(
    async_client: AsyncCoe, service: Service
) -> None:
    names = [f"expert-{number}" for number in range(8)]
    for name in names:
        service.put({"id": name, "provider": "scripted"})
    get = async_client.with_raw_response(async_client.experts.get)
    found = await asyncio.gather(*(get(name) for name in names))
    assert [raw.json()["expert"]["id"] for raw in found] == names
    stream = await async_client.with_raw_response(async_client.chat.create)("Hi", stream=True)
    async with stream.result as chunks:
        assert "".join([chunk.text async for chunk in chunks]) == "You said: Hi"
    assert (stream.headers["x-coe-expert"], stream.content) == ("ada", b"")


def test_headers_of_ones_own(service: Service) -> None:
    with Coe(base_url=service.url, api_key=service.key, headers={"X-Team": "a"}) as client:
        client.models.get("coe")
        other = client.with_options(
            headers={"x-team": "b", "Idempotency-Key": "k", "User-Agent": "me"}
        )
        other.models.get("coe")
        client.models.get("coe")
    teams = [seen.headers.get("x-team") for seen in service.seen]
    assert teams == ["a", "b", "a"]
    assert service.seen[1].headers["idempotency-key"] == "k"
    assert service.seen[1].headers["user-agent"] == "me"
    assert service.seen[0].headers["user-agent"].startswith("coe-client-python/")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "x"},
        {"Host": "x"},
        {"x y": "z"},
        {"x": "a\r\nb: c"},
        {"x": "é"},
        {"": "x"},
    ],
)
def test_what_is_no_header_of_ones_own(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="header"):
        Coe(headers=headers)
    with pytest.raises(ValueError, match="header"):
        Coe().with_options(headers=headers)
