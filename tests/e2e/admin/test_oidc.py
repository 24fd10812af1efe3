"""People sign in at their identity provider, in a real browser: there, back, what they may do, and out again."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from tests.e2e.admin.conftest import Browse, settled, unreachable
from tests.e2e.conftest import Server, _free_port

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A small real provider with three people."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from oidc_provider_mock import User, run_server_in_thread

        people = [
            User(sub="ada", claims={"name": "Ada", "groups": ["ops"]}),
            User(sub="bo", claims={"name": "Bo", "groups": ["devs"]}),
            User(sub="cy", claims={"name": "Cy"}),
        ]
        with run_server_in_thread(user_claims=people) as server:
            yield f"http://localhost:{server.server_port}"


@pytest.fixture(scope="module")
def service(issuer: str, scratch: Path) -> Iterator[Server]:
    """A service where people sign in there."""
    port = _free_port()
    environ = {
        "COE_PORT": str(port),
        "COE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "COE_OIDC_ISSUER": issuer,
        "COE_OIDC_NAME": "Example Inc.",
        "COE_OIDC_CLIENT_ID": "coe",
        "COE_OIDC_CLIENT_SECRET": "hush",
        "COE_OIDC_ROLES": '{"ops": "admin", "devs": "viewer"}',
    }
    server = Server(scratch / "oidc", environ=environ).start()
    yield server
    server.stop()


@asynccontextmanager
async def _at_provider(browse: Browse, service: Server, path: str) -> AsyncIterator[Page]:
    """Ask for a page as nobody, and take the way to the provider."""

    async def plain(route: Route) -> None:  # its form has a style sheet from the internet
        await route.fulfill(body="", content_type="text/css")

    async with browse(path, key="", at=service) as page:
        await page.route("https://cdn.jsdelivr.net/**", plain)
        await page.get_by_role("link", name="Sign in with Example Inc.").click()
        await page.get_by_role("button", name="ada", exact=True).wait_for()
        yield page


async def test_the_first_page_after_a_start_waits_where_it_was_asked_for(
    browse: Browse, service: Server
) -> None:
    async with browse("/tenants?q=default", at=service) as page:
        await page.get_by_role("heading", name="Tenants", level=1).wait_for()
        await settled(page)
        assert page.url == f"{service.url}/admin/tenants?q=default"
        came = "performance.getEntriesByType('navigation')[0].type"
        assert await page.evaluate(came) == "reload"  # after the page that waits


async def test_there_and_back_and_out(browse: Browse, service: Server) -> None:
    async with _at_provider(browse, service, "/keys?q=key") as page:
        await page.get_by_role("button", name="ada", exact=True).click()
        await page.wait_for_url(f"{service.url}/admin/keys?q=key")
        await settled(page)
        await expect(page.get_by_role("button", name="New key")).to_be_enabled()
        await page.get_by_role("button", name="Account and theme").click()
        await expect(page.get_by_text("admin · tenant default")).to_be_visible()
        await page.get_by_text("Sign out").click()
        await page.wait_for_url("**/admin/login")
        await page.goto(f"{service.url}/admin/keys")
        await page.wait_for_url("**/admin/login?back=*")


async def test_a_role_is_respected(browse: Browse, service: Server) -> None:
    async with _at_provider(browse, service, "/keys") as page:
        await page.get_by_role("button", name="bo", exact=True).click()
        await page.get_by_text("It needs the role admin").wait_for()
        rail = page.get_by_role("navigation", name="Pages")
        await expect(rail.get_by_role("link", name="Experts")).to_be_visible()
        await expect(rail.get_by_role("link", name="Keys")).to_have_count(0)


@pytest.mark.parametrize(
    ("press", "told"), [("cy", "your account has no role here"), ("Deny", "did not sign you in")]
)
async def test_who_is_refused_is_told_why_and_can_try_again(
    browse: Browse, service: Server, press: str, told: str
) -> None:
    async with _at_provider(browse, service, "/experts?q=coder") as page:
        await page.get_by_role("button", name=press, exact=True).click()
        await expect(page.get_by_role("alert").first).to_contain_text(told)
        assert await unreachable(page) == []
        assert page.url == f"{service.url}/admin/login?back=%2Fadmin%2Fexperts%3Fq%3Dcoder"
        await page.get_by_role("link", name="Sign in with Example Inc.").click()
        await page.get_by_role("button", name="ada", exact=True).click()
        await page.wait_for_url(f"{service.url}/admin/experts?q=coder")


async def test_what_others_write_into_the_address_is_not_shown(
    browse: Browse, service: Server
) -> None:
    async with browse(
        "/login?problem=Call+0800+555&back=//evil.example", key="", at=service
    ) as page:
        await expect(page.get_by_role("alert").first).to_have_text(
            "You were not signed in. Try again."
        )
        assert "0800" not in await page.content()
