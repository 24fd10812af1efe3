"""The overview, as somebody looks into what happened."""

from __future__ import annotations

import httpx

from tests.e2e.admin.conftest import Browse, settled
from tests.e2e.conftest import Server


async def test_a_range_and_a_filter_are_chosen_and_stay_in_the_address(
    browse: Browse, server: Server
) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        asked = await http.post(
            "/v1/chat/completions",
            json={"model": "coe", "messages": [{"role": "user", "content": "What is 2 + 2?"}]},
            headers={"authorization": f"Bearer {server.key}"},
        )
    expert = asked.headers["x-coe-expert"]
    async with browse("?range=30d") as page:
        await settled(page)
        link = page.locator(f'#page a[href*="expert={expert}"]')
        await link.wait_for(timeout=20_000)
        await link.focus()  # what refreshes by itself leaves it there
        await page.get_by_role("button", name="1 h").click()
        await page.wait_for_url("**?range=1h")
        await page.get_by_label("Expert", exact=True).fill(expert)
        await page.get_by_role("option", name=expert, exact=True).click()
        await page.wait_for_url(f"**expert={expert}")
        await page.reload()
        await settled(page)
        assert await page.get_by_label("Expert", exact=True).input_value() == expert
        pressed = page.get_by_role("button", name="1 h")
        assert await pressed.get_attribute("aria-pressed") == "true"
