"""What is the UI's, what is not, and who is sent where."""

from __future__ import annotations

import asyncio
from datetime import UTC

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from orchestrator.admin import mounting
from orchestrator.admin.contents import PAGES
from orchestrator.admin.mounting import AdminPages, is_ours
from orchestrator.admin.parts.listing import _plain
from orchestrator.admin.session import Door, seen_at, zone_of
from orchestrator.admin.signing_in import sign_in_path


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/", "/admin/experts", "/admin/apis", "/admin/static/admin.css"]
)
def test_pages_are_the_uis(path: str) -> None:
    assert is_ours(path)


@pytest.mark.parametrize(
    "path", ["/admin/api", "/admin/api/experts", "/administrator", "/v1/models", "/"]
)
def test_the_api_is_not(path: str) -> None:
    assert not is_ours(path)


def test_the_way_back_survives_in_an_address() -> None:
    assert sign_in_path("/admin/x?a=1&b=2") == "/admin/login?back=%2Fadmin%2Fx%3Fa%3D1%26b%3D2"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "a" * 5000])
def test_a_time_zone_that_is_none_is_utc(name: str) -> None:
    assert zone_of(name) is UTC


def test_a_time_zone_comes_from_a_cookie() -> None:
    assert str(zone_of("Europe%2FBerlin")) == "Europe/Berlin"


@pytest.mark.parametrize("value", ["=1+1", "+x", "-x", "@x", "\tx"])
def test_an_exported_text_is_no_formula(value: str) -> None:
    assert _plain(value) == f"'{value}"


def test_numbers_and_plain_text_are_exported_as_they_are() -> None:
    assert [_plain(value) for value in (-1, 2.5, None, True, "a=b")] == [-1, 2.5, None, True, "a=b"]


def test_pages_have_addresses_of_their_own_and_parents_that_exist() -> None:
    paths = [page.path for page in PAGES]
    assert len(set(paths)) == len(paths)
    for page in PAGES:
        assert bool(page.group) == bool(page.icon)
        assert page.group or page.parent in paths


class _Site:
    """Pages whose library takes as long as the test likes."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.proof: object = None

    async def open(self, _: str, proof: object) -> _Site:
        await self.opened.wait()
        self.proof = proof
        return self

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(f"drawn {scope['path']}")(scope, receive, send)

    async def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> _Site:
    site = _Site()
    monkeypatch.setattr(mounting, "_imported", lambda: site)
    return site


def _browser(pages: AdminPages, **cookies: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(pages),
        base_url="http://pages",
        headers={"accept": "text/html,*/*"},
        cookies=cookies,
    )


async def _others(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("others")(scope, receive, send)


async def test_nobody_is_sent_to_sign_in_before_anything_is_imported(site: _Site) -> None:
    async with AdminPages(_others, str) as pages, _browser(pages) as client:
        sent = await client.get("/admin/experts?q=a")
        assert (sent.status_code, sent.headers["location"]) == (
            303,
            sign_in_path("/admin/experts?q=a"),
        )
        assert sent.headers["cache-control"] == "no-store"
        assert (await client.get("/v1/models")).text == "others"
        assert not site.opened.is_set()


async def test_while_the_library_is_imported_a_page_says_so_and_then_makes_way(site: _Site) -> None:
    async with (
        AdminPages(_others, str, {"x": "y"}) as pages,
        _browser(pages, coe_session="s") as client,
    ):
        assert "Opening the pages" in (await client.get("/admin/experts")).text
        opened = asyncio.create_task(client.get("/admin/opened"))
        await asyncio.sleep(0.02)
        assert not opened.done()
        site.opened.set()
        assert (await opened).status_code == 204
        assert (await client.get("/admin/experts")).text == "drawn /admin/experts"
    assert site.proof == {"x": "y"}


async def test_pages_that_cannot_be_opened_say_so_and_are_tried_again(
    site: _Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ImportError("nothing there")

    async with AdminPages(_others, str) as pages, _browser(pages, coe_session="s") as client:
        with monkeypatch.context() as patch:
            patch.setattr(mounting, "_imported", broken)
            assert (await client.get("/admin/opened")).status_code == 503
            assert (await client.get("/admin/keys", headers={"accept": "*/*"})).status_code == 503
        site.opened.set()
        assert (await client.get("/admin/opened")).status_code == 204


def _request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(
        {
            "type": "http",
            "scheme": "http",
            "path": "/admin/keys",
            "root_path": "/admin",
            "query_string": b"",
            "headers": raw,
            "client": ("203.0.113.9", 1),
        }
    )


def test_examples_show_the_address_that_the_browser_sees() -> None:
    assert seen_at(_request(host="coe.example")) == "http://coe.example"
    behind = _request(host="coe.example", x_forwarded_proto="https")
    assert seen_at(behind) == "https://coe.example"


async def test_the_api_is_told_for_whom_it_is_asked() -> None:
    asked: list[httpx.Request] = []

    def api(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(401, json={"error": {"message": "no", "code": "invalid_api_key"}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(api)) as http:
        door = Door("http://api", http, {"x-proof": "secret"})
        request = _request(cookie="coe_session=ses-1", x_forwarded_for="198.51.100.1")
        assert await door.view(request) is None
    assert asked[0].headers["x-forwarded-for"] == "203.0.113.9"
    assert asked[0].headers["x-proof"] == "secret"
