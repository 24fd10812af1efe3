"""Admin pages with a thousand experts and a million requests: until something is seen, and until all of it is there.

Each page is opened in a new Chromium window; the aim is a first paint within a second on a warm process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.async_api import Browser, async_playwright  # noqa: E402

from coe_client import AsyncCoe  # noqa: E402
from tests.e2e.admin.conftest import _NAMES, _QUIET, settled  # noqa: E402
from tests.e2e.admin.pictures import _BEFORE, _PARTITION  # noqa: E402
from tests.e2e.conftest import Server  # noqa: E402

PAGES = {
    "overview, a day": "",
    "overview, 30 days": "?range=30d",
    "requests": "/requests",
    "experts": "/experts",
    "one expert": "/experts/expert-0003",
    "router": "/router",
    "scores": "/router?tab=scores",
    "budgets": "/budgets",
    "audit": "/audit",
    "system": "/system",
}
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


async def filled(server: Server, experts: int, rows: int) -> None:
    """Add experts through the API, and requests of two days into the table."""
    entries = [
        {
            "id": f"expert-{number:04}",
            "provider": "scripted",
            "model": "fixed:hello",
            "tags": ["coding" if number % 3 else "math"],
            "price": {"input": 0.1 + number % 9, "output": 1 + number % 17},
        }
        for number in range(experts)
    ]
    async with AsyncCoe(base_url=server.url, api_key=server.key, timeout=600) as client:
        await client.experts.apply(entries)
    url = f"postgresql+psycopg://postgres@/postgres?host={server.data_dir / 'postgres'}&port=5432"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for days in range(4):
            connection.execute(sa.text(_PARTITION.format(days=days)))
        connection.exec_driver_sql(
            _BEFORE.replace("generate_series(1, 4000)", f"generate_series(1, {rows})")
        )
    engine.dispose()


async def opened(browser: Browser, server: Server, path: str) -> tuple[float, float]:
    """Open a page; returns milliseconds to the first paint, and until all of it is there."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    await context.add_cookies([{"name": "coe_session", "value": server.key, "url": server.url}])
    page = await context.new_page()
    page.set_default_timeout(60_000)
    begun = time.perf_counter()
    await page.goto(f"{server.url}/admin{path}")
    await settled(page)
    whole = 1_000 * (time.perf_counter() - begun)
    painted: float = await page.evaluate(PAINTED)
    await context.close()
    return painted, whole


async def main(experts: int, rows: int, repeats: int) -> None:
    """Measure and print."""
    scratch = Path(tempfile.mkdtemp(prefix="coe-bench-"))
    first = {"id": "first", "provider": "scripted", "model": "fixed:hello"}
    server = Server(scratch / "data", experts=[first], worker=False).start()
    results = {}
    try:
        begun = time.perf_counter()
        await filled(server, experts, rows)
        await asyncio.sleep(30)  # until the sums are merged
        print(
            f"{experts:,} experts, {rows:,} requests, filled in {time.perf_counter() - begun:.0f} s"
        )
        program = next(filter(None, map(shutil.which, _NAMES)), None)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program, args=list(_QUIET))
            await opened(browser, server, "/settings")  # the library is imported
            print(f"{'page':<20}{'first paint':>14}{'all of it':>14}{'slowest':>12}")
            for name, path in PAGES.items():
                seen = [await opened(browser, server, path) for _ in range(repeats)]
                paint = statistics.median(one[0] for one in seen)
                whole = statistics.median(one[1] for one in seen)
                slowest = max(one[1] for one in seen)
                results[name] = {"first_paint_ms": paint, "whole_ms": whole, "slowest_ms": slowest}
                print(f"{name:<20}{paint:>11.0f} ms{whole:>11.0f} ms{slowest:>9.0f} ms", flush=True)
            await browser.close()
    finally:
        server.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    print(json.dumps(results))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experts", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    asyncio.run(main(chosen.experts, chosen.rows, chosen.repeats))
