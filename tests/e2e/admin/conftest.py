"""A real browser at the admin pages of the running service."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Error, Page, async_playwright

from tests.e2e.conftest import Server

Browse = Callable[..., AbstractAsyncContextManager[Page]]

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""As root there is no sandbox; and a browser that calls home would be refused by a closed network."""


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium of the system, or else Playwright's own; it is gone with the module, and so are its tasks."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    async with async_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        if path is None and not own.exists():
            pytest.skip("there is no Chromium here: install the package 'chromium'")
        browser = await playwright.chromium.launch(executable_path=path or own, args=list(_QUIET))
        yield browser
        await browser.close()


@pytest.fixture
def browse(browser: Browser, server: Server) -> Browse:
    """Opens a page of the admin UI, signed in; ends with an error if the browser complained of anything.

    ``async with browse("/experts", key=..., width=390, theme="dark") as page``; without a key, as the
    admin; with ``key=""`` as nobody. ``expected``: parts of complaints that are meant to be.
    """

    @asynccontextmanager
    async def opened(
        path: str = "",
        *,
        key: str | None = None,
        width: int = 1440,
        theme: str = "light",
        at: Server | None = None,
        expected: tuple[str, ...] = (),
    ) -> AsyncIterator[Page]:
        service = at or server
        context = await browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
        )
        secret = service.key if key is None else key
        if secret:
            await context.add_cookies(
                [{"name": "coe_session", "value": secret, "url": service.url}]
            )
        page = await context.new_page()
        page.set_default_timeout(10_000)
        complaints: list[str] = []

        def heard(message: ConsoleMessage) -> None:
            known = any(text in message.text for text in expected)
            if message.type in {"error", "warning"} and not known:
                complaints.append(f"{message.type}: {message.text} ({message.location['url']})")

        def broken(error: Error) -> None:
            complaints.append(f"exception: {error}")

        page.on("console", heard)
        page.on("pageerror", broken)
        await page.goto(f"{service.url}/admin{path}")
        try:
            yield page
        except Exception:
            print(f"at {page.url}:\n{await page.locator('body').inner_text()}")  # noqa: T201
            raise
        finally:
            await context.close()
        assert not complaints, "\n".join(complaints)

    return opened


_CUT = """innerWidth > 860 ? [] : [...document.querySelectorAll(".rows")]
  .filter((list) => !list.querySelector(".matrix") && list.scrollWidth > list.clientWidth + 1)
  .map((list) => list.getAttribute("aria-label"))"""


async def settled(page: Page) -> None:
    """Wait until a page has drawn what it is about."""
    await page.locator("#page").wait_for()
    await page.locator("#page .bone").first.wait_for(state="detached")


async def unreachable(page: Page) -> list[str]:
    """Return what keeps somebody from using a page: serious findings of axe-core, and text beyond its edge."""
    found = await Axe().run(page)
    problems = [
        f"{one['id']}: {one['help']} {[node['html'][:120] for node in one['nodes'][:3]]}"
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    beyond = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if beyond > 0:
        problems.append(f"the page is {beyond} px wider than the window")
    cut = await page.evaluate(_CUT)
    if cut:
        problems.append(f"on a phone these lists are cut off at the right: {cut}")
    return problems
