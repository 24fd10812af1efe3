"""Errors under ``/v1/messages`` look like Anthropic's, wherever they come from; others do not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp

from orchestrator.dialects.messages.errors import MessagesErrors
from orchestrator.kit.errors import ApiError
from orchestrator.kit.http import error_response

HEADERS = {"x-coe-request-id": "req_1"}


def failing(status: int) -> ASGIApp:
    error = ApiError(status, "a_code", "It failed.", param="model", headers=HEADERS)
    return error_response(error, "req_1")


async def asked(app: ASGIApp, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(MessagesErrors(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://coe") as client:
        return await client.post(path)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "invalid_request_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ],
)
async def test_every_status(status: int, kind: str) -> None:
    answer = await asked(failing(status), "/v1/messages")
    assert answer.status_code == status
    assert answer.headers["request-id"] == "req_1"
    assert answer.json() == {
        "type": "error",
        "error": {"type": kind, "message": "It failed.", "code": "a_code", "param": "model"},
        "request_id": "req_1",
    }


async def test_paths_below_and_beside() -> None:
    below = await asked(failing(404), "/v1/messages/count_tokens")
    beside = await asked(failing(404), "/v1/messagesx")
    assert below.json()["type"] == "error"
    assert set(beside.json()) == {"error"}


async def test_answers_and_what_is_no_error_object_pass() -> None:
    async def pieces() -> Any:
        for piece in (b"one", b"two"):
            yield piece

    streamed = await asked(StreamingResponse(pieces(), headers=HEADERS), "/v1/messages")
    assert (streamed.text, streamed.headers["request-id"]) == ("onetwo", "req_1")
    assert (await asked(Response("gone", 502), "/v1/messages")).text == "gone"
    assert (await asked(Response(status_code=499), "/v1/messages")).status_code == 499
