"""The playground and the log of requests: asked, compared, and why it went there."""

from __future__ import annotations

import httpx

from tests.e2e.admin.conftest import Browse, settled, unreachable
from tests.e2e.conftest import Server


async def test_models_are_asked_side_by_side_and_the_request_says_why(browse: Browse) -> None:
    async with browse("/playground?model=coe&model=generalist") as page:
        await settled(page)
        await page.keyboard.type(
            "Write a Python function that sorts a list."
        )  # the field has the focus
        await page.keyboard.press("Enter")
        opened = page.get_by_role("link", name="Open the request")
        await opened.nth(1).wait_for()
        first, second = await page.locator(".lane").all()
        assert await first.get_by_text("def answer(): return 42").is_visible()
        assert "Recognised as coding" in await first.locator(".why").inner_text()
        assert await second.locator(".why").count() == 0  # the caller decided
        await first.get_by_role("button", name="Good answer").click()
        await first.locator(".figures [aria-pressed=true]").wait_for()
        await first.get_by_role("button", name="Ask again").click()
        await first.locator(".figures [aria-pressed=true]").wait_for(state="detached")
        await opened.nth(1).wait_for()
        assert await first.locator(".bubble.user").count() == 1
        await first.get_by_role("button", name="Show as code").click()
        code = page.get_by_role("dialog")
        await code.get_by_text("/v1/chat/completions").wait_for()
        await code.get_by_role("button", name="Close").click()
        await code.wait_for(state="detached")
        assert await unreachable(page) == []
        await second.get_by_role("button", name="Take this model away").click()
        await page.wait_for_url("**/playground?model=coe")
        request = await opened.first.get_attribute("href")
    assert request is not None
    async with browse(request.removeprefix("/admin"), width=390, theme="dark") as page:
        await settled(page)
        look = page.get_by_role("button", name="Look again")
        while await look.count():  # its record is on the way
            await look.click()
            await page.wait_for_load_state()
            await settled(page)
        told = await page.locator(".story").inner_text()
        assert "Recognised as coding" in told
        assert "Answered in" in told
        assert await page.locator(".falls > li").count() >= 3
        assert await unreachable(page) == []


async def test_what_failed_is_found_and_says_what_went_wrong(
    browse: Browse, server: Server
) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        asked = await http.post(
            "/v1/chat/completions",
            json={"model": "failing", "messages": [{"role": "user", "content": "Hello"}]},
            headers={"authorization": f"Bearer {server.key}"},
        )
    request_id = asked.headers["x-coe-request-id"]
    async with browse("/requests?status=failed") as page:
        await settled(page)
        found = page.locator(f'a[href="/admin/requests/{request_id}"]')
        while not await found.count():
            await page.get_by_role("button", name="Refresh").click()
            await page.wait_for_timeout(200)
        search = page.get_by_label("Request id or session")
        await search.fill(request_id)
        await page.wait_for_url(f"**q={request_id}*")
        await page.locator("tbody tr").nth(1).wait_for(state="detached")
        await found.press("Enter")
        await page.wait_for_url(f"**/requests/{request_id}")
        await settled(page)
        told = await page.locator(".story").inner_text()
        assert "The caller named the expert failing" in told
        assert "It failed" in told
        await page.get_by_role("button", name="Show as JSON").click()
        await page.get_by_label("The record as JSON").get_by_text("expert_failed").wait_for()
