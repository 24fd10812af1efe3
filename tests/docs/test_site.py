"""The documentation as a site: builds without a complaint, complete, and without anything from elsewhere."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Route, async_playwright

from tests.docs.blocks import ROOT


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_build", ROOT / "docs/site/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = _load()


# What a browser fetches by itself, without anybody following a link.
_FETCHED = re.compile(r'<(?:script|img|iframe|source|link)\b[^>]*?\s(?:src|href)="([^"]*)"[^>]*>')
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a broken link or anchor ends it."""
    return Path(build.build(tmp_path_factory.mktemp("site")))


def test_every_page_is_there_and_in_the_navigation(site: Path) -> None:
    where = build.pages()
    for place in where.values():
        assert (site / place).with_suffix(".html").is_file(), place
    reached = set(build.linked_pages(build.navigation(where)))
    missing = {source for source, place in where.items() if place not in reached}
    assert not missing, "pages that docs/README.md does not list"


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        fetched = [
            match[1]
            for match in _FETCHED.finditer(page.read_text(encoding="utf-8"))
            if not re.search(r'rel="(?:canonical|next|prev)"', match[0])
        ]
        assert fetched, page
        for url in fetched:
            assert not url.startswith(("http:", "https:", "//")), (page, url)
            file = page.parent / url.partition("?")[0].partition("#")[0]
            assert url.startswith("data:") or file.is_file() or page.name == "404.html", (page, url)
    for sheet in site.rglob("*.css"):
        fetched = re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//[^)]*", sheet.read_text())
        assert not fetched, sheet


@pytest.mark.slow
async def test_diagrams_are_drawn_without_a_network(site: Path) -> None:
    """In a browser, whatever the page asks for answered from the folder, and nothing else."""
    place = next(filter(None, map(shutil.which, _NAMES)), None)
    if place is None:
        pytest.skip("there is no Chromium here: install the package 'chromium'")
    complaints: list[str] = []

    async def answer(route: Route) -> None:
        address = urlsplit(route.request.url)
        file = site / address.path.lstrip("/")
        if address.netloc != "docs.test" or not file.is_file():
            complaints.append(route.request.url)
            await route.abort()
        else:
            await route.fulfill(path=file)

    drawn = [page for page in site.rglob("*.html") if '<pre class="diagram"' in page.read_text()]
    assert drawn
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=place, args=["--no-sandbox"])
        page = await browser.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
        await page.route("**/*", answer)
        for file in drawn:
            await page.goto(f"http://docs.test/{file.relative_to(site)}")
            count = file.read_text(encoding="utf-8").count('<pre class="diagram"')
            await page.wait_for_function(
                "count => document.querySelectorAll('.diagram > svg').length === count", arg=count
            )
        await browser.close()
    assert not complaints


def test_the_site_can_be_searched_and_is_dark_where_its_reader_wants_that(site: Path) -> None:
    assert "uncertainty" in (site / "search.json").read_text(encoding="utf-8").lower()
    start = (site / "start.html").read_text(encoding="utf-8")
    assert 'data-md-color-media="(prefers-color-scheme: dark)"' in start


def test_what_stands_behind_a_language_is_not_shown(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert "```" not in page.read_text(encoding="utf-8"), page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](start.md#ask)", "[a](start.md#ask)"),
        ("[a](../README.md#start)", "[a](project/readme.md#start)"),
        ("[a](decisions/README.md)", "[a](decisions/index.md)"),
        ("[a](../examples/experts.yaml)", "[a](files/examples/experts.yaml)"),
        ("[a](https://example.com/x.md)", "[a](https://example.com/x.md)"),
        ("```text output\n[a](none.md)\n```", "```text\n[a](none.md)\n```"),
    ],
)
def test_links_follow_their_pages(text: str, expected: str) -> None:
    assert build.translated("docs/concepts.md", text, build.pages(), set()) == expected


def test_a_link_to_nothing_ends_the_build() -> None:
    with pytest.raises(build.SiteError, match=r"none\.md"):
        build.translated("docs/concepts.md", "[a](none.md)", build.pages(), set())


@pytest.mark.slow
def test_a_broken_anchor_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copytree(ROOT / "docs/site", tmp_path / "docs/site")
    (tmp_path / "docs/README.md").write_text("# Index\n\n[a](#nowhere)\n")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "DOCS", tmp_path / "docs")
    monkeypatch.setattr(build, "pages", lambda: {"docs/README.md": "index.md"})
    with pytest.raises(build.SiteError, match="anchor does not exist"):
        build.build(tmp_path / "built")
