"""A day of an operator on a fresh service, as a person would do it in a browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from coe_client import AsyncCoe, CoeError
from experts.providers.scripted_server import ScriptedServer
from tests.e2e.admin.conftest import Browse, settled
from tests.e2e.conftest import Server, _free_port

_EXPERTS = [
    {
        "id": "thorough",
        "provider": "scripted",
        "model": "fixed:A thorough answer.",
        "tags": ["general"],
        "price": {"input": 10.0, "output": 30.0},
    },
    {
        "id": "thrifty",
        "provider": "scripted",
        "model": "fixed:A short answer.",
        "price": {"input": 0.1, "output": 0.4},
    },
]


@pytest.fixture
async def fresh(scratch: Path) -> AsyncIterator[Server]:
    """A service that nobody has used."""
    server = Server(scratch / "journey", experts=_EXPERTS).start()
    yield server
    server.stop()


async def _chosen(page: Page, label: str, option: str) -> None:
    await page.get_by_label(label, exact=True).click()
    await page.get_by_role("option", name=option, exact=True).click()


async def _heading(page: Page, text: str | re.Pattern[str]) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_text(text)


async def _add_expert(page: Page, url: str) -> None:
    await page.get_by_role("link", name="Experts", exact=True).click()
    await settled(page)
    await (
        page.get_by_role("button", name="Add an expert")
        .or_(page.get_by_role("link", name="Add an expert"))
        .first.click()
    )
    await page.get_by_role("link", name=re.compile("OpenAI-compatible")).click()
    await page.get_by_label("Id *").fill("newcomer")
    await page.get_by_label("Model *").fill("newcomer-1")
    await page.get_by_label("Address").first.fill(url)
    await page.get_by_role("button", name="Add the expert").click()
    await page.wait_for_url("**/admin/experts/newcomer?tab=try")


async def _see_it_down(page: Page) -> None:
    for _ in range(6):
        await page.get_by_role("button", name="Ask", exact=True).click()
        await page.get_by_text("It did not answer").wait_for()
    await page.goto(page.url.split("?")[0])
    await page.get_by_text("down", exact=True).first.wait_for()


async def _see_it_healthy(page: Page, server: Server) -> None:
    await page.get_by_role("button", name="Let it take calls again").click()
    async with AsyncCoe(base_url=server.url, api_key=server.key) as client:
        for _ in range(300):  # the failures before become few beside what succeeds
            await client.chat.create("hello", model="newcomer")
    await page.get_by_text("healthy", exact=True).first.wait_for(timeout=15_000)


async def _ask_in_the_playground(page: Page) -> str:
    """Ask, open the request's page, and return what is said of why it went there."""
    await page.get_by_role("link", name="Playground", exact=True).click()
    await settled(page)
    await page.get_by_label("Message", exact=True).fill("What is 17 times 23?")
    await page.keyboard.press("Enter")
    await page.get_by_text("answer.").first.wait_for()
    await page.get_by_role("link", name="Open the request").click()
    await page.wait_for_url("**/admin/requests/req_*")
    await settled(page)
    return await page.locator("#page").inner_text()


async def _halve_the_budget(page: Page) -> None:
    """Halve a budget, see what moves, and make a version of it."""
    await page.get_by_role("link", name="Router", exact=True).click()
    await settled(page)
    before = await page.get_by_text(re.compile(r"^\d+\.\d %$")).first.inner_text()
    await page.get_by_role("button", name="Halve it").click()
    await expect(page.get_by_text("→").first).to_be_visible()
    await expect(page.get_by_text(f"down from {before}")).to_be_visible()
    await page.get_by_label("Note").fill("half the money")
    await page.get_by_role("button", name="Make the version").click()
    await page.wait_for_url("**/admin/router/versions/rv_*")


async def _promote_and_roll_back(page: Page) -> None:
    await page.get_by_role("button", name="Promote").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Promote").click()
    await page.get_by_text("This version decides now.").wait_for()
    await page.get_by_role("button", name="Roll back").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Roll back").click()
    await page.get_by_role("button", name="Promote").wait_for()
    await expect(page.get_by_text("This version decides now.")).to_have_count(0)


async def _make_a_key(page: Page) -> str:
    await page.get_by_role("link", name="Keys", exact=True).click()
    await settled(page)
    await page.get_by_role("button", name="New key").click()
    await page.get_by_label("Name", exact=True).fill("small purse")
    await page.get_by_label("Money a day, in US dollars (optional)").fill("0.5")
    await page.get_by_role("button", name="Make the key").click()
    key = await page.locator("#new-key").inner_text()
    await page.get_by_role("button", name="I have kept it").click()
    await page.get_by_text("small purse").wait_for()
    return key.strip()


async def _spend_it(server: Server, key: str) -> str:
    """Ask until the budget is used up, and return what is said then."""
    async with AsyncCoe(base_url=server.url, api_key=key, max_retries=0) as client:
        for _ in range(2_000):
            try:
                await client.chat.create("word " * 2_000, model="thorough", max_tokens=100)
            except CoeError as error:
                return str(error)
    return "it was never used up"


async def test_an_operators_day(browse: Browse, fresh: Server) -> None:
    upstream = ScriptedServer("fixed:Hello from the newcomer.", port=_free_port())
    async with browse("", key="", at=fresh) as page:
        await page.get_by_label("API key").fill(fresh.key)
        await page.keyboard.press("Enter")
        await _heading(page, "Overview")

        await _add_expert(page, upstream.url)
        await _see_it_down(page)
        async with upstream:
            await _see_it_healthy(page, fresh)

        told = await _ask_in_the_playground(page)
        assert "Mathematics" in told or "math" in told
        assert "balanced" in told

        await _halve_the_budget(page)
        await _promote_and_roll_back(page)

        key = await _make_a_key(page)
        assert "budget" in await _spend_it(fresh, key)
        await page.get_by_role("link", name="Budgets", exact=True).click()
        await page.get_by_text("small purse").wait_for()
        await page.get_by_text(re.compile("nearly used|used up")).first.wait_for()

        await page.get_by_role("link", name="Audit", exact=True).click()
        await settled(page)
        log = await page.locator("#page").inner_text()
        for done in (
            "Added an expert",
            "Closed circuit breakers",
            "Made a router version with another budget for balanced",
            "Promoted the router version",
            "Rolled the router back",
            "Made a key",
            "Set limits of the key",
        ):
            assert done in log
