"""Each page, for everybody: drawn without complaint, readable in both themes and both widths."""

from __future__ import annotations

import pytest

from coe_client import AsyncCoe
from orchestrator.admin.contents import PAGES
from tests.e2e.admin.conftest import Browse, settled, unreachable
from tests.e2e.conftest import Server

_LISTED = [page.path for page in PAGES if page.group]


@pytest.fixture(scope="module", autouse=True)
def _warm(server: Server) -> None:
    """Have the library imported, as it is by whoever signs in."""
    with server.client(cookies={"coe_session": server.key}) as client:
        assert client.get("/admin").status_code == 200


@pytest.mark.parametrize("path", _LISTED)
async def test_a_page_is_drawn_and_open_to_everybody(browse: Browse, path: str) -> None:
    async with browse(path) as page:
        await settled(page)
        assert await page.locator("#page [role=alert]").count() == 0
        painted = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        first_paint_ms = await page.evaluate(painted)
        found = {}
        for width, theme in ((1440, "light"), (390, "dark")):
            await page.set_viewport_size({"width": width, "height": 900})
            await page.emulate_media(color_scheme=theme)
            found[width, theme] = await unreachable(page)
        assert found == {key: [] for key in found}
    # A second is the aim on a machine that does nothing else.
    assert first_paint_ms < 3_000


async def test_nobody_is_led_to_sign_in_and_back(browse: Browse, server: Server) -> None:
    async with browse("/experts?q=coder", key="") as page:
        await page.get_by_label("API key").fill(server.key)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/admin/experts?q=coder")
        await settled(page)
        assert await page.get_by_role("link", name="coder").is_visible()


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/admin//evil.example", "/v1/models"]
)
async def test_nobody_is_sent_to_another_site(browse: Browse, server: Server, back: str) -> None:
    async with browse(f"/login?back={back}", key="") as page:
        await page.get_by_label("API key").fill(server.key)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{server.url}/admin")


async def test_a_wrong_key_is_told_where_it_was_typed(browse: Browse) -> None:
    async with browse("/login", key="", expected=("401",)) as page:
        await page.get_by_label("API key").fill("sk-coe-wrong")
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_text("unknown, revoked or expired").wait_for()
        assert await page.get_by_label("API key").get_attribute("aria-invalid") == "true"


async def test_where_there_is_no_page_one_like_the_others_says_so(browse: Browse) -> None:
    async with browse("/nonsense", expected=("404",)) as page:
        await page.get_by_text("There is no such page").wait_for()
        await page.get_by_role("link", name="Go to the first page").click()
        await page.wait_for_url("**/admin")


async def test_whoever_may_not_look_begins_where_they_may(browse: Browse, server: Server) -> None:
    async with AsyncCoe(base_url=server.url, api_key=server.key) as admin:
        key = (await admin.keys.create("asks only", role="user")).key
    async with browse("", key=key) as page:
        await page.wait_for_url("**/admin/playground")
        await page.goto(f"{server.url}/admin/keys")
        await page.get_by_text("This page is not open to you").wait_for()
        assert await page.locator("#page .bone").count() == 0


async def test_a_row_leads_to_where_its_name_does(browse: Browse) -> None:
    async with browse("/experts") as page:
        await page.get_by_role("row", name="coder").locator("td").nth(2).click()
        await page.wait_for_url("**/admin/experts/coder")


async def test_assets_are_kept_by_browsers_and_pages_are_not(server: Server) -> None:
    with server.client() as client:
        style = client.get("/admin/static/admin.css")
        page = client.get("/admin/login")
    assert style.status_code == 200
    assert style.headers["etag"]
    assert page.headers["cache-control"] == "no-store"
    for answer in (style, page):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_list_that_cannot_be_fetched_says_why_and_can_be_tried_again(
    browse: Browse,
) -> None:
    async with browse("/keys?sort=nonsense") as page:
        alert = page.get_by_role("alert")
        await alert.wait_for()
        assert "sort" in await alert.inner_text()
        await alert.get_by_role("button", name="Try again").click()
        await alert.wait_for()
