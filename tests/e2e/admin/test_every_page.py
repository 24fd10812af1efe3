"""Each page, for everybody: drawn without complaint, readable in both themes and both widths."""

from __future__ import annotations

import pytest

from orchestrator.admin.contents import PAGES
from tests.e2e.admin.conftest import Browse, settled, unreachable
from tests.e2e.conftest import Server

_LISTED = [page.path for page in PAGES if page.group]


@pytest.mark.parametrize("path", _LISTED)
async def test_a_page_is_drawn_and_open_to_everybody(browse: Browse, path: str) -> None:
    async with browse(path) as page:
        await settled(page)
        assert await page.locator("#page [role=alert]").count() == 0
        painted = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        first_paint_ms = await page.evaluate(painted)
        found = {}
        for width in (1440, 390):
            await page.set_viewport_size({"width": width, "height": 900})
            for theme in ("light", "dark"):
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
