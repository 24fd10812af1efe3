"""What matters most, with nothing but a keyboard."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.e2e.admin.conftest import Browse, settled
from tests.e2e.conftest import Server

_FOCUSED = "(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || '').trim()"
_MOST_TABS = 60


async def _tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called so has the focus, as somebody would who cannot use a mouse."""
    for _ in range(_MOST_TABS):
        await page.keyboard.press("Tab")
        focused: str = await page.evaluate(_FOCUSED)
        if focused.split("\n")[-1] == name:  # an icon's name may stand before
            return
    raise AssertionError(f"{name!r} cannot be reached with Tab")


async def test_signing_in_finding_an_expert_and_reading_about_it(
    browse: Browse, server: Server
) -> None:
    async with browse("", key="") as page:
        await page.keyboard.type(server.key)  # the field has the focus
        await page.keyboard.press("Enter")
        await settled(page)

        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
        await _tab_to(page, "Experts")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/admin/experts")
        await settled(page)

        await page.keyboard.press("/")
        await page.keyboard.type("coder")
        await page.wait_for_url("**/admin/experts?q=coder*")
        await _tab_to(page, "coder")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/admin/experts/coder")


async def test_a_message_is_sent_and_its_request_opened(browse: Browse) -> None:
    async with browse("/playground?model=generalist") as page:
        await settled(page)
        await expect(page.get_by_label("Message", exact=True)).to_be_focused()
        await page.keyboard.type("hello by keyboard")
        await page.keyboard.press("Enter")
        await page.get_by_text("hello by keyboard").nth(1).wait_for()
        await _tab_to(page, "Open the request")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/admin/requests/req_*")


async def test_a_dialog_takes_the_focus_and_gives_it_back(browse: Browse) -> None:
    async with browse("/keys") as page:
        await settled(page)
        await _tab_to(page, "New key")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Name", exact=True)).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page.get_by_role("button", name="New key")).to_be_focused()
