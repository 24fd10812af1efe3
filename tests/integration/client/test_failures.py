"""What the clients do when the service or the connection misbehaves."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from coe_client import (
    APIConnectionError,
    APIResponseInvalidError,
    APIStatusError,
    APITimeoutError,
    AsyncCoe,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    Coe,
    ConflictError,
    ExpertFailedError,
    ExpertTimedOutError,
    NotFoundError,
    NotReadyError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    Timeouts,
)
from tests.integration.client.loopback import Service

KINDS = [
    (400, BadRequestError),
    (401, AuthenticationError),
    (402, BudgetExceededError),
    (403, PermissionDeniedError),
    (404, NotFoundError),
    (409, ConflictError),
    (413, RequestTooLargeError),
    (418, APIStatusError),
    (500, ServerError),
    (502, ExpertFailedError),
    (504, ExpertTimedOutError),
]


@pytest.mark.parametrize(("status", "kind"), KINDS)
def test_errors_are_typed_and_tell_all(
    client: Coe, service: Service, status: int, kind: type[APIStatusError]
) -> None:
    service.will_refuse(status, "Not like this.", code="some_code", param="messages")
    with pytest.raises(APIStatusError) as caught:
        client.chat.create("x")
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.param) == (status, "some_code", "messages")
    assert (error.type, error.request_id) == ("invalid_request_error", "req-1")
    assert error.body["error"]["message"] == "Not like this."
    assert str(error) == "Not like this. (request req-1)"
    assert len(service.seen) == 1


@pytest.mark.parametrize(("status", "kind"), KINDS)
async def test_errors_are_typed_async(
    async_client: AsyncCoe, service: Service, status: int, kind: type[APIStatusError]
) -> None:
    service.will_refuse(status)
    with pytest.raises(kind):
        await async_client.chat.create("x", stream=True)
    assert len(service.seen) == 1


def test_a_question_is_asked_again_where_the_service_did_nothing(
    client: Coe, service: Service, pauses: list[float]
) -> None:
    service.will_refuse(503)
    service.will_answer(429, {"error": {"message": "slow"}}, Retry_After="3")
    assert client.chat.create("x").text == "You said: x"
    assert len(service.seen) == 3
    assert pauses == [0.25, 3.25]


async def test_a_stream_is_asked_again_where_the_service_did_nothing(
    async_client: AsyncCoe, service: Service, pauses: list[float]
) -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    service.will_answer(429, None, Retry_After=when)
    async with await async_client.chat.create("x", stream=True) as stream:
        assert "".join([chunk.text async for chunk in stream]) == "You said: x"
    assert 18 <= pauses[0] <= 20.5


def test_retries_end(client: Coe, service: Service, pauses: list[float]) -> None:
    for _ in range(3):
        service.will_refuse(503, code="not_ready")
    with pytest.raises(NotReadyError):
        client.chat.create("x")
    assert (len(service.seen), len(pauses)) == (3, 2)


def test_a_wait_longer_than_a_minute_is_the_callers_to_decide(
    client: Coe, service: Service, pauses: list[float]
) -> None:
    service.will_answer(429, None, Retry_After="3600")
    with pytest.raises(RateLimitError) as caught:
        client.chat.create("x")
    assert caught.value.retry_after == 3600
    assert pauses == []


def test_options_for_some_calls(client: Coe, service: Service) -> None:
    service.will_refuse(503)
    with pytest.raises(NotReadyError):
        client.with_options(max_retries=0).models.get("coe")
    assert client.models.get("coe").id == "coe"
    client.with_options(max_retries=0).close()
    assert client.models.get("coe").id == "coe"


def test_a_question_is_not_asked_twice_when_the_first_may_have_been_heard(
    client: Coe, service: Service
) -> None:
    service.will_hang_up()
    with pytest.raises(APIConnectionError, match="broke off") as caught:
        client.chat.create("x")
    assert caught.value.sent
    assert len(service.seen) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 504])
async def test_what_is_repeatable_is_repeated(
    async_client: AsyncCoe, service: Service, status: int
) -> None:
    service.will_hang_up()
    service.will_refuse(status)
    assert (await async_client.models.get("coe")).id == "coe"
    assert len(service.seen) == 3


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_there(pauses: list[float]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with (
        Coe(base_url=url, sleep=pauses.append) as client,
        pytest.raises(APIConnectionError, match="cannot be reached at " + url) as caught,
    ):
        client.chat.create("x")
    assert not caught.value.sent
    assert len(pauses) == 2


async def test_nobody_there_async(pauses: list[float]) -> None:
    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with AsyncCoe(base_url=f"http://127.0.0.1:{free_port()}", sleep=sleep) as client:
        with pytest.raises(APIConnectionError):
            await client.health()
    assert len(pauses) == 2


def test_an_answer_that_never_begins(client: Coe, service: Service) -> None:
    service.will_stall(1.0)
    hasty = client.with_options(timeout=Timeouts(read=0.05))
    with pytest.raises(APITimeoutError, match="did not answer in time"):
        hasty.chat.create("x")
    assert len(service.seen) == 1


async def test_an_answer_that_never_begins_async(async_client: AsyncCoe, service: Service) -> None:
    service.will_stall(1.0)
    hasty = async_client.with_options(timeout=0.05)
    with pytest.raises(APITimeoutError):
        await hasty.health()


def test_the_time_for_the_whole_call_covers_a_dripping_stream(
    client: Coe, service: Service
) -> None:
    service.will_stream([b": ping\n"] * 200, pause=0.02)
    began = time.monotonic()
    hasty = client.with_options(timeout=Timeouts(total=0.15))
    with (
        pytest.raises(APITimeoutError, match="whole call"),
        hasty.chat.create("x", stream=True) as stream,
    ):
        list(stream)
    assert time.monotonic() - began < 1.0


async def test_the_time_for_the_whole_call_covers_a_dripping_stream_async(
    async_client: AsyncCoe, service: Service
) -> None:
    service.will_stream([b": ping\n"] * 200, pause=0.02)
    hasty = async_client.with_options(timeout=0.15)
    stream = await hasty.chat.create("x", stream=True)
    with pytest.raises(APITimeoutError, match="whole call") as caught:
        async for _ in stream:
            pass
    assert caught.value.request_id == "req-1"


def test_pauses_do_not_outlast_the_call(service: Service, pauses: list[float]) -> None:
    service.will_answer(429, None, Retry_After="30")
    with (
        Coe(base_url=service.url, api_key=service.key, timeout=5, sleep=pauses.append) as client,
        pytest.raises(RateLimitError),
    ):
        client.chat.create("x")
    assert pauses == []


@pytest.mark.parametrize("body", [b"<html>a proxy</html>", b'{"choices": 5}', b"[]", b""])
def test_an_answer_that_is_none(client: Coe, service: Service, body: bytes) -> None:
    service.will_answer(200, body, x_coe_request_id="req-9")
    with pytest.raises(APIResponseInvalidError, match="not a ChatCompletion") as caught:
        client.chat.create("x")
    assert caught.value.request_id == "req-9"


def test_an_error_without_our_body(client: Coe, service: Service) -> None:
    service.will_answer(502, b"<html>bad gateway</html>")
    with pytest.raises(ExpertFailedError, match="HTTP status 502") as caught:
        client.chat.create("x")
    assert caught.value.body == "<html>bad gateway</html>"
    assert caught.value.code is None


def test_compressed_answers(client: Coe, service: Service) -> None:
    service.will_answer(200, gzip.compress(b'{"status":"ok"}'), Content_Encoding="gzip")
    assert client.health().status == "ok"
    service.will_answer(200, b"not gzip at all", Content_Encoding="gzip")
    with pytest.raises(APIResponseInvalidError, match="decompressed"):
        client.health()


def test_the_key_is_nowhere_to_be_read(client: Coe, service: Service) -> None:
    assert service.key not in repr(client)
    service.will_refuse(401, f"Incorrect key {service.key}", param=service.key)
    with pytest.raises(AuthenticationError) as caught:
        client.models.get("coe")
    error = caught.value
    shown = [str(error), repr(error), repr(vars(error)), repr(error.__cause__)]
    assert all(service.key not in text for text in shown)
    assert "***" in str(error)
    service.will_hang_up()
    with pytest.raises(APIConnectionError) as broken:
        client.chat.create("x")
    assert service.key not in repr(broken.value) + repr(broken.value.__cause__)


def test_a_client_of_ones_own(service: Service) -> None:
    with httpx.Client(headers={"x-tenant-note": "blue"}) as http:
        with Coe(base_url=service.url + "/v1/", api_key=service.key, http_client=http) as client:
            assert client.models.get("coe").id == "coe"
        assert not http.is_closed
    assert service.seen[0].headers["x-tenant-note"] == "blue"
    assert service.seen[0].headers["authorization"] == f"Bearer {service.key}"


async def test_a_client_of_ones_own_async(service: Service) -> None:
    async with httpx.AsyncClient() as http:
        async with AsyncCoe(base_url=service.url, api_key=service.key, http_client=http) as client:
            assert (await client.health()).status == "ok"
        assert not http.is_closed


def test_the_environment_is_read_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COE_BASE_URL", service.url)
    monkeypatch.setenv("COE_API_KEY", service.key)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with Coe() as client:
        monkeypatch.setenv("COE_API_KEY", "sk-coe-another")
        assert client.models.get("coe").id == "coe"


def test_threads_may_share_a_client(client: Coe, service: Service) -> None:
    texts: list[str] = []

    def ask(number: int) -> None:
        with client.chat.create(f"question {number}", stream=True) as stream:
            texts.append("".join(chunk.text for chunk in stream))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(texts) == [f"You said: question {number}" for number in range(8)]
