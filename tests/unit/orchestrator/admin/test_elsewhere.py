"""Pages on their own pass signing in on to the service, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from orchestrator.admin.elsewhere import SignsInElsewhere
from orchestrator.kit.listening import Listening


async def _key(request: Request) -> JSONResponse:
    told = {"sent": (await request.body()).decode(), "cookie": request.headers.get("cookie", "")}
    response = JSONResponse(told)
    response.set_cookie("coe_session", "ses-1", httponly=True)
    response.set_cookie("other", "2")
    return response


@pytest.fixture
async def service() -> AsyncIterator[str]:
    """Something that signs people in."""
    app = Starlette(routes=[Route("/login/key", _key, methods=["POST"])])
    listening = Listening(app, "127.0.0.1", 0)
    async with listening:
        yield listening.url


async def _ask(url: str, method: str, path: str, **more: object) -> httpx.Response:
    async with SignsInElsewhere(url) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://pages") as client:
            return await client.request(method, path, **more)  # type: ignore[arg-type]


async def test_signing_in_is_passed_on_with_its_cookies(service: str) -> None:
    answer = await _ask(service, "POST", "/login/key", content=b"{}", headers={"cookie": "a=b"})
    assert answer.json() == {"sent": "{}", "cookie": "a=b"}
    assert [cookie.split("=")[0] for cookie in answer.headers.get_list("set-cookie")] == [
        "coe_session",
        "other",
    ]


@pytest.mark.parametrize(
    "path", ["/", "/v1/models", "/admin/api/keys", "/login/key/", "/login/callbacks"]
)
async def test_nothing_else_is(service: str, path: str) -> None:
    assert (await _ask(service, "GET", path)).status_code == 404


async def test_a_body_has_its_bounds(service: str) -> None:
    assert (await _ask(service, "POST", "/login/key", content=b"x" * 20_000)).status_code == 413


async def test_a_service_that_is_away_is_told() -> None:
    answer = await _ask("http://127.0.0.1:9", "POST", "/login/key", content=b"{}")
    assert answer.status_code == 502
    assert "cannot be reached" in answer.json()["error"]["message"]
